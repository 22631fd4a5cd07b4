"""vLLM's caches: blocks, groups of layers, and pages that fit a recurrent state."""

import pytest

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.vllm_kv import KvBlocks, cached_tokens, pages, token_bytes
from hostd.planning.footprint.vllm_serving import VllmServing

FULL = Layer(LayerKind.FULL, 32, 8, 128, 128)
SLIDING = Layer(LayerKind.SLIDING, 32, 8, 128, 128)
LATENT = Layer(LayerKind.FULL, 128, 1, 576, 0)
# Gated delta net of Qwen3.6-27B: 48 heads of 128 x 128, and three inputs of a convolution over 10,240 channels.
DELTA = Layer(LayerKind.RECURRENT, 24, conv_state=3 * 10240, state=48 * 128 * 128)
WIDE = Layer(LayerKind.FULL, 24, 4, 256, 256)
SERVING = VllmServing(context=4096)


def shape(*layers: Layer, window: int = 0) -> Shape:
    """Return a model of these layers."""
    return Shape("any", "any", layers, window=window, context=32768)


@pytest.mark.parametrize(
    ("layer", "serving", "cards", "expected"),
    [
        (FULL, SERVING, 1, 8 * 256 * 2),
        (FULL, SERVING, 8, 256 * 2),
        (FULL, SERVING, 16, 256 * 2),
        (FULL, VllmServing(kv_type="fp8"), 2, 4 * 256),
        (LATENT, SERVING, 1, 1152),
        (LATENT, SERVING, 8, 1152),
        (LATENT, VllmServing(kv_type="fp8_ds_mla"), 8, 656),
        (Layer(LayerKind.FULL, 128, 1, 576, 0, index_width=128), SERVING, 1, 1152 + 132),
    ],
)
def test_bytes_of_a_token(layer: Layer, serving: VllmServing, cards: int, expected: int) -> None:
    """Heads are dealt to cards until each has one; a latent is whole on every card."""
    assert expected == token_bytes(layer, serving, cards)


def test_contexts_are_whole_blocks() -> None:
    """A request takes whole blocks of 16 tokens in every layer."""
    kept = pages(shape(FULL, FULL), VllmServing(context=17), 1, 2048)
    assert KvBlocks(32 * 2 * 4096, 0, 16 * 2 * 4096) == kept


def test_windows_take_what_they_see_and_what_is_in_flight() -> None:
    """Ten full and twenty sliding layers are three groups of ten; a window is held for a step's tokens too, one block more."""
    kept = pages(shape(*[FULL] * 10, *[SLIDING] * 20, window=1024), SERVING, 1, 2048)
    blocks = 4096 // 16 + 2 * (-(-(1023 + 2048) // 16) + 1)
    assert KvBlocks(blocks * 10 * 16 * 4096, 0, 0) == kept


def test_groups_of_almost_equal_length_are_padded() -> None:
    """Twelve full and thirteen sliding layers are two groups of thirteen."""
    kept = pages(shape(*[FULL] * 12, *[SLIDING] * 13, window=128), SERVING, 1, 8192)
    assert (4096 // 16 + 4096 // 16 + 1) * 13 * 16 * 4096 == kept.request


@pytest.mark.parametrize(("kv_type", "block"), [("auto", 784), ("fp8", 1568)])
def test_a_page_is_as_long_as_a_recurrent_state_needs(kv_type: str, block: int) -> None:
    """For Qwen3.6-27B the engine makes blocks of 784 tokens, or of 1568 where the cache has eight bits."""
    serving = VllmServing(context=block + 1, kv_type=kv_type)
    kept = pages(shape(*[DELTA, DELTA, DELTA, WIDE] * 16), serving, 1, 2048)
    page = block * token_bytes(WIDE, serving, 1)
    assert page >= 2 * DELTA.conv_state + 4 * DELTA.state
    # Two blocks of tokens, and two states for each of the three groups of recurrent layers.
    assert KvBlocks(16 * page * (2 + 6), 16 * page * 6, 0) == kept


def test_states_of_sixteen_bits_make_shorter_pages() -> None:
    """For Qwen3-Next on two cards, whose states have 16 bits, the engine makes blocks of 544 tokens."""
    delta = Layer(LayerKind.RECURRENT, 16, conv_state=3 * 8192, state=32 * 128 * 128)
    full = Layer(LayerKind.FULL, 16, 2, 256, 256)
    serving = VllmServing(context=544, state_bytes=2)
    kept = pages(shape(delta, delta, delta, full), serving, 2, 2048)
    assert (1 + 6) * 544 * token_bytes(full, serving, 2) == kept.request


def test_layers_of_different_width_share_pages() -> None:
    """Where a sliding layer keeps half as much per token, its blocks are twice as long."""
    narrow = Layer(LayerKind.SLIDING, 32, 4, 128, 128)
    kept = pages(shape(FULL, narrow, window=1024), SERVING, 1, 2048)
    assert (4096 // 16 + 97) * 16 * 4096 == kept.request


def test_a_model_without_attention_keeps_states_alone() -> None:
    """A request of a purely recurrent model takes two states per layer, whatever its length."""
    kept = pages(shape(DELTA, DELTA), SERVING, 1, 2048)
    assert 2 * 2 * (2 * DELTA.conv_state + 4 * DELTA.state) == kept.request == kept.state


def test_nothing_kept_is_no_room() -> None:
    """A model that keeps nothing has pages of nothing, and no tokens in any cache."""
    kept = pages(shape(Layer(LayerKind.NONE, 12)), SERVING, 1, 2048)
    assert KvBlocks(0, 0, 0) == kept
    assert 0 == cached_tokens(kept, 4096, 16, 1 << 30)


def test_tokens_of_a_mixed_cache_follow_from_its_requests() -> None:
    """Where layers differ, the engine counts how many whole contexts fit."""
    kept = pages(shape(FULL, SLIDING, window=128), SERVING, 1, 2048)
    assert 4096 * 5 // 2 == cached_tokens(kept, 4096, 16, kept.request * 5 // 2)
