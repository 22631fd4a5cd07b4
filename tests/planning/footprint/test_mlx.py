"""MLX's footprint: against peaks that were measured, and what a server may keep."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.footprint import Component, Span
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.llamacpp_serving import MIB
from hostd.planning.footprint.mlx import footprint, weights
from hostd.planning.footprint.mlx_serving import MlxServing
from tests.planning.checkpoints import mib, report, rows, shape
from tests.planning.truth import Row

GIB = 1 << 30
# Parameters of each model; four bits with scales and biases are nine sixteenths of a byte each.
PARAMETERS = {"Qwen3.6-35B-A3B": 35.0e9, "DeepSeek-V3 4-bit": 671.0e9}
BLOCK = Layer(LayerKind.FULL, 16, 4, 256, 256, dense_bytes=100 * MIB)
SHAPE = Shape("qwen3", "a model", (BLOCK,) * 4, context=32768, tables=Tables(token_embedding=50 * MIB))
SERVING = MlxServing(context=8192, cache_limit=0, prompt_cache_entries=0)


def peaks() -> list[tuple[Row, str, MlxServing]]:
    """Return the rows in which a peak was measured, the name of the peak, and the flags."""
    known = {"peak": None, "peak_full_kv": False, "peak_latent_kv": True}
    return [
        (row, key, MlxServing(context=row["ctx"], prefill_step=row["prefill_step"], caches_latent=latent))
        for row in rows("mlx")
        for key, latent in known.items()
        if key in row["measured_mib"]
    ]


@pytest.mark.parametrize(
    ("row", "key", "serving"), peaks(), ids=lambda each: each["id"] if isinstance(each, dict) else None
)
def test_peaks_are_as_measured(row: Row, key: str, serving: MlxServing) -> None:
    """From the model's numbers and nothing else, the peak of a run is known to 1 %, and lies within the span."""
    packed = int(PARAMETERS[row["model"]] * 9 / 16)
    bare = shape(row)
    stored = replace(
        bare, layers=tuple(replace(layer, dense_bytes=0) for layer in bare.layers), tables=Tables(other=packed)
    )
    planned, logged = footprint(stored, serving).pool("metal"), row["measured_mib"][key]
    assert abs(report(row, key, mib(planned.expected), logged)) <= 1
    assert mib(planned.low) <= logged <= mib(planned.high)


def test_points_of_one_run_follow_from_the_first() -> None:
    """From the peak at 8,192 tokens, those at up to 180,224 follow to 0.1 GB."""
    seen = [(row, serving) for row, _, serving in peaks() if row["model"] == "Qwen3.6-35B-A3B"]
    anchor = None
    for row, serving in seen:
        planned = mib(footprint(shape(row), serving).pool("metal").expected)
        anchor = row["measured_mib"]["peak"] - planned if anchor is None else anchor
        report(row, "from the anchor", planned + anchor, row["measured_mib"]["peak"])
        assert abs(planned + anchor - row["measured_mib"]["peak"]) <= 100e6 / MIB


def test_unified_memory_holds_everything() -> None:
    """Weights, cache and scores are in one pool; without anything kept for later, the overhead is what logs show."""
    planned = footprint(SHAPE, SERVING)
    assert {"metal"} == planned.parts.keys()
    parts = planned.parts["metal"]
    assert {Component.WEIGHTS, Component.KV, Component.COMPUTE, Component.OVERHEAD} == parts.keys()
    assert Span.exactly(450 * MIB) == parts[Component.WEIGHTS]
    assert Span(600_000_000, 1_200_000_000, 1_500_000_000) == parts[Component.OVERHEAD]


def test_every_slot_has_a_cache_of_its_own() -> None:
    """One request at the low end of the cache, all slots at the others; prompts read at once count at the high end."""
    one, four = (footprint(SHAPE, replace(SERVING, slots=slots, prompts=2)).parts["metal"] for slots in (1, 4))
    kv = one[Component.KV].expected
    assert Span(kv, 4 * kv, 4 * kv) == four[Component.KV]
    assert (one[Component.COMPUTE].expected, 2 * one[Component.COMPUTE].high) == (
        four[Component.COMPUTE].expected,
        four[Component.COMPUTE].high,
    )


def test_what_a_server_may_keep_is_at_the_high_end() -> None:
    """Past prompts and freed buffers count up to their limits; without limits, notes say which flags bound them."""
    bounded = footprint(SHAPE, replace(SERVING, prompt_cache_entries=10, prompt_cache_bytes=MIB, cache_limit=GIB))
    assert 1_500_000_000 + MIB + GIB == bounded.parts["metal"][Component.OVERHEAD].high
    free = footprint(SHAPE, MlxServing(context=8192))
    parts = free.parts["metal"]
    kept = 10 * parts[Component.KV].high + parts[Component.COMPUTE].high
    assert 1_500_000_000 + kept == parts[Component.OVERHEAD].high
    assert any("--prompt-cache-bytes" in note for note in free.notes)
    assert any("cache limit" in note for note in free.notes)


def test_drafting_layers_and_towers_may_not_be_loaded() -> None:
    """mlx-lm drops what only drafts or sees; other servers load it."""
    more = replace(SHAPE, nextn=(BLOCK,), projector=30 * MIB)
    assert Span(450 * MIB, 480 * MIB, 580 * MIB) == weights(more)


def test_a_long_prompt_is_pointed_out() -> None:
    """Where reading takes more than 1 GiB for a while, the note says which step takes less."""
    notes = footprint(SHAPE, replace(SERVING, context=65536)).notes
    assert "--prefill-step-size 512" in notes[0]


def test_a_doubt_about_latents_is_pointed_out() -> None:
    """Latent attention in an unknown version of mlx-lm bears a note."""
    deep = replace(SHAPE, layers=(Layer(LayerKind.FULL, 16, 1, 576, 0),))
    assert any("pull request 839" in note for note in footprint(deep, SERVING).notes)


def test_an_unknown_architecture_is_a_bound_and_says_so() -> None:
    """What is not understood has a cache of anything up to the bound, and a note."""
    planned = footprint(replace(SHAPE, known=False), SERVING)
    assert (True, 0) == (planned.bounded_only, planned.parts["metal"][Component.KV].low)
    assert "'qwen3' is not known" in planned.notes[0]


def test_an_encoder_keeps_nothing() -> None:
    """An embedding model has no cache, and no prompts are kept."""
    blocks = (Layer(LayerKind.NONE, 16, dense_bytes=MIB),) * 4
    planned = footprint(replace(SHAPE, layers=blocks, encoder=True), MlxServing(context=512, cache_limit=0))
    assert {Component.WEIGHTS, Component.OVERHEAD} == planned.parts["metal"].keys()
    assert () == planned.notes


@given(
    st.integers(1, 200_000),
    st.integers(1, 32),
    st.sampled_from([None, 4, 8]),
    st.sampled_from([None, False, True]),
    st.sampled_from([512, 2048]),
)
def test_more_of_anything_never_takes_less(
    context: int, slots: int, kv_bits: int | None, latent: bool | None, step: int
) -> None:
    """No end of the span shrinks when context, slots or weights grow, and every span is in order."""
    before = MlxServing(context=context, slots=slots, kv_bits=kv_bits, caches_latent=latent, prefill_step=step)
    mixed = (
        BLOCK,
        replace(BLOCK, kind=LayerKind.SLIDING),
        Layer(LayerKind.RECURRENT, 32, conv_state=4096, state=65536),
        Layer(LayerKind.FULL, 128, 1, 576, 0),
    )
    model = replace(SHAPE, layers=mixed, window=512)
    small = footprint(model, before).pool("metal")
    assert small.low <= small.expected <= small.high
    for shape_, serving in (
        (model, replace(before, context=context + 777)),
        (model, replace(before, slots=slots + 1)),
        (replace(model, tables=Tables(other=GIB)), before),
    ):
        large = footprint(shape_, serving).pool("metal")
        assert (small.low <= large.low, small.expected <= large.expected, small.high <= large.high) == (True,) * 3


def test_a_draft_model_and_adapters_are_added() -> None:
    """Weights and a cache of the one, weights of the others."""
    small = replace(SHAPE, layers=SHAPE.layers[:1])
    alone, both = footprint(SHAPE, SERVING), footprint(SHAPE, SERVING, draft=small)
    assert (
        both.component(Component.WEIGHTS).expected - alone.component(Component.WEIGHTS).expected == small.weight_bytes
    )
    assert both.component(Component.KV).expected > alone.component(Component.KV).expected
    more = footprint(SHAPE, replace(SERVING, adapter_bytes=5 * MIB))
    assert more.component(Component.WEIGHTS).expected - alone.component(Component.WEIGHTS).expected == 5 * MIB
    assert ("draft-model",) == footprint(SHAPE, replace(SERVING, unreckoned=("draft-model",))).unreckoned
