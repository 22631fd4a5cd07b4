"""vLLM's flags: its own defaults, and what it would refuse."""

from typing import Any

import pytest

from hostd.domain.host import Pool, PoolKind
from hostd.domain.shape import Shape
from hostd.planning.footprint.vllm_serving import VllmServing

SHAPE = Shape("llama", "a model", (), context=131072)


def card(name: str, gib: int) -> Pool:
    """Return a card of that name and size."""
    return Pool("cuda:0", PoolKind.VRAM, name, gib << 30, gib << 30, gib << 30)


@pytest.mark.parametrize(
    ("name", "gib", "requests", "step"),
    [("H100", 80, 1024, 8192), ("NVIDIA A100-SXM4-80GB", 80, 256, 2048), ("RTX 4090", 24, 256, 2048)],
)
def test_the_engine_picks_by_the_card(name: str, gib: int, requests: int, step: int) -> None:
    """Large cards, but no A100, are given more requests and longer steps."""
    serving = VllmServing()
    assert (requests, step) == (serving.requests(card(name, gib)), serving.step(SHAPE, card(name, gib)))


def test_a_step_is_no_longer_than_a_request_nor_shorter_than_one_token_each() -> None:
    """The engine's own step is cut to the context, and has a token for every request; a stated one stands."""
    h100 = card("H100", 80)
    assert 4096 == VllmServing(context=4096).step(SHAPE, h100)
    assert 1024 == VllmServing(context=512).step(SHAPE, h100)
    assert 300 == VllmServing(batch=300).step(SHAPE, h100)


def test_a_request_has_the_trained_context_unless_told() -> None:
    """Without ``--max-model-len`` a request may be as long as the model was trained for."""
    assert (131072, 100) == (VllmServing().request(SHAPE), VllmServing(context=100).request(SHAPE))


@pytest.mark.parametrize(
    "flags", [{"slots": -1}, {"block": 0}, {"kv_type": "q8_0"}, {"utilisation": 0.0}, {"utilisation": 92.0}]
)
def test_nonsense_is_refused(flags: dict[str, Any]) -> None:
    """What the engine would refuse is an error before it is asked."""
    with pytest.raises(ValueError, match=r"cannot be served|no type|is a share"):
        VllmServing(**flags)
