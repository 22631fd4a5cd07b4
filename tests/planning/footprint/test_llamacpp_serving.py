"""The engine's flags, and which layer goes where."""

from typing import Any

import pytest

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.llamacpp_serving import Placement, Serving

PLAIN = Shape("llama", "plain", (Layer(LayerKind.FULL, key_width=128, value_width=128),), context=4096)
MIXED = Shape("deepseek2", "legacy", (Layer(LayerKind.FULL, key_width=192, value_width=128),), context=4096)
LATENT = Shape("deepseek2", "latent", (Layer(LayerKind.FULL, key_width=576),), context=4096)


@pytest.mark.parametrize(
    ("shape", "flags", "expected"),
    [
        (PLAIN, {}, True),
        (PLAIN, {"flash": "off"}, False),
        (PLAIN, {"flash": "off", "value_type": "q8_0"}, True),
        (MIXED, {}, False),
        (MIXED, {"flash": "on"}, True),
        (LATENT, {}, True),
    ],
)
def test_flash_attention_is_used_where_it_can_be(shape: Shape, flags: dict[str, Any], expected: bool) -> None:
    """A quantised value cache needs flash attention; ``auto`` gives it up where keys and values differ in width."""
    assert expected == Serving(**flags).flash_attention(shape)


def test_the_micro_batch_is_bounded() -> None:
    """No graph computes more tokens than the batch or the context has."""
    bounded = (Serving(), Serving(batch=256), Serving(context=100))
    assert [512, 256, 100] == [serving.micro_batch(PLAIN) for serving in bounded]


def test_outputs_are_those_that_are_sampled_from() -> None:
    """A server needs the logits of one token per slot, more while drafting, and of all for embeddings."""
    assert [4, 12, 512] == [
        Serving().outputs(PLAIN), Serving(draft=2).outputs(PLAIN), Serving(embeddings=True).outputs(PLAIN),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"slots": 0}, "cannot be served"),
        ({"key_type": "q3_K"}, "no type for a KV cache"),
        ({"flash": "maybe"}, "on, off or auto"),
    ],
)
def test_flags_without_meaning_are_refused(flags: dict[str, Any], message: str) -> None:
    """What the engine would refuse is refused with the reason."""
    with pytest.raises(ValueError, match=message):
        Serving(**flags)


@pytest.mark.parametrize(
    ("placement", "gpu_layers", "expected"),
    [
        (Placement(), None, "hhhhh"),
        (Placement.on("a"), None, "aaaaa"),
        (Placement.on("a"), 0, "hhhhh"),
        (Placement.on("a"), 1, "hhhha"),
        (Placement.on("a"), 3, "hhaaa"),
        (Placement.on("a"), 99, "aaaaa"),
        (Placement.on("a", "b"), None, "aaabb"),
        (Placement.on("a", "b"), 2, "hhhab"),
        (Placement((("a", 3.0), ("b", 1.0), ("c", 0.0))), None, "aaaab"),
    ],
)
def test_layers_are_given_out_as_the_engine_does(placement: Placement, gpu_layers: int | None, expected: str) -> None:
    """Devices take the last layers and the output, by shares of what is given out."""
    assert expected == "".join(pool.replace("ram", "h") for pool in placement.layers(4, gpu_layers))


def test_shares_that_are_none_are_refused() -> None:
    """Layers cannot be split by shares that add up to nothing."""
    with pytest.raises(ValueError, match="positive"):
        Placement((("a", 0.0),)).layers(4, None)
