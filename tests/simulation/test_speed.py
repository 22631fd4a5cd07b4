"""``hostd.simulation.speed``."""

from dataclasses import replace

import pytest

from hostd.domain.host import Reserve
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.hardware.simulated import preset
from hostd.planning.footprint.decode_speed import active_bytes
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.simulation.speed import EFFICIENCY, estimate

GB = 10**9
ON_CARD = LoadOption(0, "x", Placement.on("cuda:0"), needs={"cuda:0": 5 * GB, "ram": GB})
BOX = preset("rtx3090", Reserve()).pools


def shape(dense: int, expert: int = 0, *, experts: int = 0, experts_used: int = 0) -> Shape:
    """Return a model of two layers."""
    layer = Layer(LayerKind.FULL, dense_bytes=dense, expert_bytes=expert)
    return Shape("x", "x", (layer,) * 2, experts=experts, experts_used=experts_used)


def test_experts_count_as_far_as_they_are_picked() -> None:
    """Of 8 experts of which 2 are used a quarter is read; of a dense model everything but the table of the input."""
    assert 2 * (10 + 20) == active_bytes(shape(10, 80, experts=8, experts_used=2))
    assert 2 * 10 + 7 == active_bytes(replace(shape(10), tables=Tables(token_embedding=9, output=7)))


def test_a_header_that_does_not_tell_experts_apart() -> None:
    """Nine tenths of the weights are taken to be theirs."""
    assert 2 * 100 + 2 * 900 * 2 // 8 == active_bytes(shape(1000, experts=8, experts_used=2))


def test_an_answer_is_as_fast_as_memory() -> None:
    """On a card of 936 GB/s, whatever part the host has in it; a prompt goes forty times as fast."""
    speed = estimate(5 * GB, ON_CARD, BOX)
    assert pytest.approx(EFFICIENCY * 936 / 5) == speed.output
    assert pytest.approx(40.0 * speed.output) == speed.prompt


def test_layers_on_the_host_slow_everything_down() -> None:
    """What main memory holds is read from there."""
    partly = replace(ON_CARD, gpu_layers=10)
    assert estimate(5 * GB, partly, BOX).output < 0.5 * estimate(5 * GB, ON_CARD, BOX).output


def test_nothing_held_says_nothing() -> None:
    """Then the speed is a plain guess."""
    assert 10.0 == estimate(5 * GB, LoadOption(0, "x"), BOX).output
