"""KV cache and recurrent state: what real engines printed, and laws that hold for every model."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.llamacpp_kv import KvCells, caches, cells, checkpoint, unpacked_kv
from hostd.planning.footprint.llamacpp_serving import MIB, DraftServing, Serving
from hostd.planning.formats.gguf_shape import shape_of
from tests.planning.truth import Row, header, rows, serving

EXACT = [(row, name) for row in rows() for name in row["exact_components"]]
KINDS = st.sampled_from(list(LayerKind))
WIDTHS = st.sampled_from([64, 96, 128, 192, 256, 576])


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Return any layer."""
    return Layer(
        draw(KINDS),
        heads=8,
        kv_heads=draw(st.integers(1, 8)),
        key_width=draw(WIDTHS),
        value_width=draw(WIDTHS),
        conv_state=draw(st.integers(0, 1000)),
        state=draw(st.integers(0, 100_000)),
    )


SHAPES = st.builds(
    lambda blocks, window: Shape("any", "any", tuple(blocks), window=window, context=4096, heads=8, embedding=512),
    st.lists(layers(), min_size=1, max_size=12),
    st.integers(1, 5000),
)


@st.composite
def flags(draw: st.DrawFn, *, unified: bool | None = None) -> Serving:
    """Return any flags."""
    return Serving(
        context=draw(st.integers(1, 200_000)),
        slots=draw(st.integers(1, 16)),
        unified=draw(st.booleans()) if unified is None else unified,
        key_type=draw(st.sampled_from(["f16", "q8_0", "q4_0"])),
        flash=draw(st.sampled_from(["on", "off", "auto"])),
        ubatch=draw(st.sampled_from([128, 512, 2048])),
        full_window=draw(st.booleans()),
        draft=draw(st.integers(0, 4)),
    )


def total(shape: Shape, serving: Serving) -> int:
    """Return all that is kept."""
    kept = caches(shape, serving)
    return sum(kept.kv) + sum(kept.recurrent) + kept.drafting


@pytest.mark.parametrize(("row", "name"), EXACT, ids=[f"{row['id']}-{name}" for row, name in EXACT])
def test_measured_caches_are_reproduced(row: Row, name: str) -> None:
    """What an engine printed for its caches is what the arithmetic gives, to a hundredth of a MiB."""
    kept = caches(shape_of(header(row)), serving(row))
    found = {"kv": sum(kept.kv), "rs": sum(kept.recurrent), "kv_full": kept.full, "kv_swa": kept.sliding}
    assert row["measured_mib"][name] == pytest.approx(found[name] / MIB, abs=0.0101)


@pytest.mark.parametrize(
    ("given_flags", "expected"),
    [
        ({"context": 1000}, KvCells(1024, 1024, 1)),
        ({"context": 8192}, KvCells(8192, 4608, 1)),
        ({"context": 8192, "unified": False}, KvCells(2048, 1536, 4)),
        ({"context": 8192, "full_window": True}, KvCells(8192, 8192, 1)),
        ({"context": 8192, "ubatch": 2048}, KvCells(8192, 6144, 1)),
        ({"context": 100, "slots": 3, "unified": False}, KvCells(256, 256, 3)),
    ],
)
def test_cells_are_padded_and_shared(given_flags: dict[str, Any], expected: KvCells) -> None:
    """Contexts are rounded up to 256 cells per stream; a window grows with the slots that share it, and with the micro-batch."""
    shape = Shape("any", "any", (Layer(LayerKind.SLIDING),), window=1024)
    assert expected == cells(shape, Serving(**given_flags))


def test_a_context_of_zero_is_what_the_model_was_trained_for() -> None:
    """Without a context of the owner's, the engine takes the model's own."""
    assert cells(Shape("any", "any", (), context=4096), Serving(context=0)).full == 4096


def test_rollback_multiplies_recurrent_state() -> None:
    """A recurrent state that can be taken back three steps is kept four times, with as many steps as tokens are drafted."""
    shape = Shape("any", "any", (Layer(LayerKind.RECURRENT, conv_state=100, state=1000),))
    assert (4 * 1100 * 4,) == caches(shape, Serving(slots=1, draft=3)).recurrent
    assert (1100 * 4,) == caches(shape, Serving(slots=1, draft=3, rollback=0)).recurrent


def test_drafting_layers_are_cached_only_while_drafting() -> None:
    """The layers that draft have a KV cache of their own, in a context of their own, when drafting is on."""
    layer = Layer(LayerKind.FULL, kv_heads=2, key_width=64, value_width=64)
    shape = Shape("any", "any", (layer,), nextn=(layer,))
    assert 0 == caches(shape, Serving(context=256)).drafting
    assert 256 * 2 * 2 * 128 == caches(shape, Serving(context=256, draft=2)).drafting


def test_drafting_layers_are_cached_in_a_type_of_their_own() -> None:
    """It is f16 unless the owner says otherwise, whatever the model's own cache is stored as."""
    layer = Layer(LayerKind.FULL, kv_heads=1, key_width=128, value_width=128)
    shape = Shape("any", "any", (layer,), nextn=(layer,))
    small = Serving(context=256, draft=2, key_type="q4_0", value_type="q4_0")
    assert 256 * 2 * 2 * 128 == caches(shape, small).drafting
    drafter = DraftServing(key_type="q8_0", value_type="q8_0")
    assert 256 * 2 * 136 == caches(shape, replace(small, drafter=drafter)).drafting


def test_older_builds_cache_every_layer_for_drafting() -> None:
    """Of some architectures, until September 2026."""
    layer = Layer(LayerKind.FULL, kv_heads=1, key_width=128, value_width=128)
    shape = Shape("glm4moe", "any", (layer,) * 3, nextn=(layer,))
    before, since = (caches(shape, Serving(context=256, draft=2, build=build)).drafting for build in (10_820, 11_500))
    assert before == 4 * since


def test_values_are_padded_to_the_widest_without_flash_attention() -> None:
    """Without flash attention all layers' values are stored as wide as the widest."""
    narrow, wide = (Layer(LayerKind.FULL, kv_heads=1, key_width=64, value_width=width) for width in (64, 256))
    shape = Shape("any", "any", (narrow, wide))
    assert (256 * 2 * 128, 256 * 2 * 320) == caches(shape, Serving(context=256, flash="on")).kv
    assert (256 * 2 * 320, 256 * 2 * 320) == caches(shape, Serving(context=256, flash="off")).kv


def test_an_indexer_keeps_a_key_of_its_own() -> None:
    """Sparse attention adds its indexer's key to each token."""
    shape = Shape("any", "any", (Layer(LayerKind.FULL, kv_heads=1, key_width=576, index_width=128),))
    assert (256 * 2 * (576 + 128),) == caches(shape, Serving(context=256)).kv


def test_a_checkpoint_is_a_window_and_a_state() -> None:
    """What is saved to go back to is what cannot be cut: the window of sliding layers and the recurrent state, one slot's."""
    sliding = Layer(LayerKind.SLIDING, kv_heads=1, key_width=64, value_width=64)
    shape = Shape("any", "any", (sliding, Layer(LayerKind.RECURRENT, conv_state=10, state=90)), window=512)
    assert 512 * 256 + 400 == checkpoint(shape, Serving(context=8192))


@given(SHAPES, flags(), st.integers(0, 50_000))
def test_more_context_never_takes_less(shape: Shape, serving: Serving, more: int) -> None:
    """Memory grows with the context, or stays."""
    assert total(shape, serving) <= total(shape, replace(serving, context=serving.context + more))


@given(SHAPES, flags(unified=True), st.integers(0, 8))
def test_more_slots_never_take_less(shape: Shape, serving: Serving, more: int) -> None:
    """With a shared cache, memory grows with the slots, or stays."""
    assert total(shape, serving) <= total(shape, replace(serving, slots=serving.slots + more))


@given(SHAPES, flags())
def test_sharing_never_takes_more_on_full_layers(shape: Shape, serving: Serving) -> None:
    """On layers that see everything, a shared cache is never larger than one per slot."""
    shared, apart = (caches(shape, replace(serving, unified=unified)) for unified in (True, False))
    assert shared.full <= apart.full


@given(SHAPES, flags())
def test_q8_0_is_seventeen_thirty_seconds_of_f16(shape: Shape, serving: Serving) -> None:
    """A q8_0 cache takes 34 bytes for 32 elements where f16 takes 64."""
    half, byte = (
        caches(shape, replace(serving, key_type=kind, value_type=kind, flash="on")) for kind in ("f16", "q8_0")
    )
    assert sum(half.kv) * 17 == sum(byte.kv) * 32


@pytest.mark.slow
@given(SHAPES, flags())
def test_wider_types_never_take_less(shape: Shape, serving: Serving) -> None:
    """Memory grows with the bytes per element."""
    sizes = [sum(caches(shape, replace(serving, key_type=kind)).kv) for kind in ("q4_0", "q5_1", "q8_0", "f16", "f32")]
    assert sorted(sizes) == sizes


def test_flash_attention_unpacks_the_largest_layer() -> None:
    """2 bytes an element of quantised keys and values: 512 MiB for 131,072 tokens of 4 heads of 256."""
    layer = Layer(LayerKind.FULL, heads=24, kv_heads=4, key_width=256, value_width=256)
    shape = Shape("qwen35", "a model", (layer,) * 16, context=262144)
    packed = Serving(context=131072, slots=1, key_type="q4_0", value_type="q4_0")
    assert 512 << 20 == unpacked_kv(shape, packed)
    assert 256 << 20 == unpacked_kv(shape, replace(packed, value_type="f16"))
    assert 0 == unpacked_kv(shape, Serving(context=131072, slots=1))


def test_compressed_keys_beside_a_window() -> None:
    """DeepSeek V4 at 131,072 tokens: 32.25 MiB of windows, 672 + 20 of compressed keys, 168 of the indexer's, as logged."""
    raw = Layer(LayerKind.SLIDING, heads=64, kv_heads=1, key_width=512)
    little, much = replace(raw, compress_ratio=4, index_width=128), replace(raw, compress_ratio=128)
    shape = Shape("deepseek4", "a model", (raw,) * 2 + (little,) * 21 + (much,) * 20, context=1 << 20, window=128)
    found = caches(shape, Serving(context=131072, slots=1, unified=False))
    assert 892.25 * 2**20 == sum(found.kv)
