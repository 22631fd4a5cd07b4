"""Estimated speeds against public measurements, each from its report."""

from dataclasses import replace

import pytest

from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.hardware.simulated import preset
from hostd.planning.footprint.decode_speed import active_bytes, bandwidth, tokens_per_second
from hostd.planning.footprint.llamacpp_serving import Placement

MB = 10**6
RTX2080 = preset("rtx2080-8g", Reserve())
CARD = Placement.on("cuda:0")


def dense(count: int, size: int, head: int) -> Shape:
    """Return a model of so many equal layers, of *size* MB in all, with an output table of *head* MB."""
    layer = Layer(LayerKind.FULL, dense_bytes=(size - 2 * head) * MB // count)
    return Shape("a", "a", (layer,) * count, tables=Tables(head * MB, head * MB))


def mixture(count: int, experts: int, used: int, of_experts: int, rest: int, head: int) -> Shape:
    """Return a mixture whose layers have *of_experts* MB of experts and *rest* MB of all else each."""
    layer = Layer(LayerKind.FULL, dense_bytes=rest * MB, expert_bytes=of_experts * MB)
    return Shape(
        "a", "a", (layer,) * count, experts=experts, experts_used=used, tables=Tables(head * MB, head * MB)
    )  # fmt: skip


GPT_OSS_20B = mixture(24, 32, 4, 423, 30, 615)
QWEN3_30B = mixture(48, 128, 8, 365, 23, 255)
QWEN36_35B = mixture(40, 256, 8, 480, 27, 400)
DEEPSEEK_V2_LITE = mixture(27, 64, 6, 339, 30, 170)


@pytest.mark.parametrize(
    ("shape", "gpu_layers", "cpu_experts", "measured"),
    [
        (dense(36, 2500, 320), None, 0, 110.6),
        (dense(32, 4920, 430), None, 0, 71.9),
        (dense(36, 5030, 510), None, 0, 69.3),
        (dense(42, 5760, 600), 36, 0, 23.7),
        (dense(40, 9000, 640), 32, 0, 16.9),
        (dense(48, 8990, 640), 42, 0, 20.8),
        (dense(40, 14330, 550), 16, 0, 5.2),
        (GPT_OSS_20B, None, 12, 36.4),
        (QWEN3_30B, None, 36, 36.7),
        (DEEPSEEK_V2_LITE, None, 16, 49.6),
    ],
    ids=["qwen3-4b", "llama-3.1-8b", "qwen3-8b", "gemma-2-9b", "qwen3-14b", "qwen2.5-14b", "mistral-small-24b",
         "gpt-oss-20b", "qwen3-30b-a3b", "deepseek-coder-v2-lite"],
)  # fmt: skip
def test_one_machine_that_was_measured(shape: Shape, gpu_layers: int | None, cpu_experts: int, measured: float) -> None:
    """An RTX 2080 of 8 GB and four channels of memory: models whole, in part, or with experts there, within 1.5 times."""
    found = tokens_per_second(shape, replace(CARD, cpu_experts=cpu_experts), gpu_layers, RTX2080)
    assert measured / 1.5 < found < measured * 1.5


def test_another_machine_of_which_the_memory_is_not_known() -> None:
    """An RTX 5080: 36.5 tokens a second with all experts on the processor, 14.6 with all layers (ollama issue 11772)."""
    host = preset("rtx5080-16g", Reserve())
    experts = tokens_per_second(QWEN36_35B, replace(CARD, cpu_experts=40), None, host)
    layers = tokens_per_second(QWEN36_35B, Placement(), 0, host)
    assert layers < experts
    assert 36.5 / 1.5 < experts < 36.5 * 1.5
    assert 14.6 / 1.5 < layers < 14.6 * 1.5


@pytest.mark.parametrize("shape", [GPT_OSS_20B, QWEN3_30B, QWEN36_35B, DEEPSEEK_V2_LITE])
@pytest.mark.parametrize("machine", ["rtx2080-8g", "rtx4090", "rtx5080-16g"])
def test_experts_on_the_processor_are_faster_than_layers(shape: Shape, machine: str) -> None:
    """Of the same bytes of the card: half of the experts there, or half of the layers."""
    host, half = preset(machine, Reserve()), len(shape.layers) // 2
    by_experts = tokens_per_second(shape, replace(CARD, cpu_experts=half), None, host)
    assert tokens_per_second(shape, CARD, half, host) < by_experts


def test_a_token_reads_only_the_experts_that_are_picked() -> None:
    """And all else, the output table included."""
    moe = Layer(LayerKind.FULL, dense_bytes=10, expert_bytes=800)
    shape = Shape("a", "a", (moe,) * 2, experts=8, experts_used=2, tables=Tables(token_embedding=1000, output=30))
    assert 2 * (10 + 200) + 30 == active_bytes(shape)
    assert 2 * 810 + 1000 == active_bytes(Shape("a", "a", (moe,) * 2, tables=Tables(token_embedding=1000)))


def test_memory_is_known_by_its_name() -> None:
    """The longer name counts, and what has none is as fast as is usual."""
    named = {name: bandwidth(Pool("cuda:0", PoolKind.VRAM, name, 0, 0, 0)) / 1e9 for name in
             ("NVIDIA GeForce RTX 4070", "NVIDIA GeForce RTX 4070 Ti SUPER", "NVIDIA L4", "NVIDIA L40S", "a card")}  # fmt: skip
    assert [504, 672, 300, 864, 600] == [*named.values()]


def test_a_servers_memory_is_faster() -> None:
    """It has more channels; where memory is shared, nothing crosses."""
    shape, small = dense(10, 5000, 100), Host("Linux", "x", 64 << 30, ())
    assert tokens_per_second(shape, Placement(), None, replace(small, ram_bytes=512 << 30)) > 2 * tokens_per_second(
        shape, Placement(), None, small
    )
    assert 0.0 == tokens_per_second(Shape("a", "a", ()), Placement(), None, small)
