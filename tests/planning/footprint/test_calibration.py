"""Predictions that learn from loads."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.footprint import Component, Footprint, Span, Tier
from hostd.planning.footprint.calibration import (
    OTHER_BUILD,
    OTHER_SERVING,
    Observation,
    ServingKey,
    comparison,
    correct,
)

GIB = 2**30
MIB = 2**20
KEY = ServingKey("model.gguf:123", 8192, 2, "f16", "b11549", "cuda:0")

counts = st.integers(0, 100 * GIB)
spans = st.lists(counts, min_size=3, max_size=3).map(lambda ends: Span(*sorted(ends)))
footprints = st.dictionaries(
    st.sampled_from(["cuda:0", "ram"]), st.dictionaries(st.sampled_from(Component), spans), min_size=1
).map(Footprint)
logged = st.dictionaries(st.sampled_from([part for part in Component if part is not Component.OVERHEAD]), counts)


def expected(footprint: Footprint) -> dict[str, dict[Component, int]]:
    """Return the expected bytes alone."""
    return {pool: {part: span.expected for part, span in parts.items()} for pool, parts in footprint.parts.items()}


def simple(total: int) -> Footprint:
    """Return a footprint of one component, with doubt."""
    return Footprint({"cuda:0": {Component.WEIGHTS: Span(total * 9 // 10, total, total * 12 // 10)}})


def observed(predicted: Footprint, total: int, key: ServingKey = KEY) -> Observation:
    """Return a load that took *total* bytes of the card, of which the engine counted nothing."""
    return Observation(key, expected(predicted), {}, {"cuda:0": total})


@given(footprints, logged, counts.filter(bool))
def test_after_two_loads_the_third_prediction_holds(
    predicted: Footprint, parts: dict[Component, int], total: int
) -> None:
    """Whatever was predicted and measured: two identical measurements are believed, within 2 %."""
    pool = next(iter(predicted.parts))
    load = Observation(KEY, expected(predicted), {pool: parts}, {pool: total})
    learnt = correct(predicted, KEY, [load, load])
    assert abs(learnt.pool(pool).expected - total) <= 0.02 * total
    assert Tier.MEASURED is learnt.tier


@given(footprints, logged, counts.filter(bool))
def test_spans_stay_spans(predicted: Footprint, parts: dict[Component, int], total: int) -> None:
    """Nothing is negative, low is low, high is high, and what the engine reserved is never beyond the high end."""
    pool = next(iter(predicted.parts))
    learnt = correct(predicted, KEY, [Observation(KEY, expected(predicted), {pool: parts}, {pool: total})])
    for span in learnt.parts[pool].values():
        assert 0 <= span.low <= span.expected <= span.high
    for part, count in parts.items():
        assert count <= learnt.parts[pool][part].high


def test_nothing_measured_changes_nothing() -> None:
    """The tier stays what it was, and another model's loads say nothing."""
    predicted = simple(GIB)
    assert predicted is correct(predicted, KEY, [])
    assert predicted is correct(predicted, KEY, [observed(predicted, 2 * GIB, replace(KEY, model="other"))])
    assert predicted is correct(predicted, KEY, [observed(predicted, 2 * GIB, replace(KEY, device="cuda:1"))])
    assert comparison(predicted, KEY, []) is None


def test_the_comparison_is_one_line_for_people() -> None:
    """It names what was expected, what was seen, and how far the one was off."""
    predicted = simple(round(18.6 * GIB))
    history = [observed(predicted, round(17.6 * GIB))] * 3
    line = "est 18.6 · measured 17.6 · error +5.7 %"
    assert line == comparison(predicted, KEY, history)
    assert (line,) == correct(predicted, KEY, history).notes


def test_the_median_decides_and_the_worst_bounds() -> None:
    """One load that took more moves the high end, not the expected figure."""
    predicted = Footprint({"cuda:0": {Component.WEIGHTS: Span.exactly(10 * GIB)}})
    learnt = correct(predicted, KEY, [observed(predicted, total * GIB) for total in (11, 11, 14)])
    assert 11 * GIB == learnt.pool("cuda:0").expected
    assert 14 * GIB == learnt.pool("cuda:0").high


def test_doubt_shrinks_with_every_measurement() -> None:
    """The high end comes down towards what is always seen."""
    predicted = simple(10 * GIB)
    load = Observation(KEY, expected(predicted), {"cuda:0": {Component.WEIGHTS: 10 * GIB}})
    highs = [correct(predicted, KEY, [load] * count).pool("cuda:0").high for count in range(1, 5)]
    assert sorted(highs, reverse=True) == highs
    assert 11 * GIB == highs[0]


def test_a_newer_build_is_believed_before_older_ones() -> None:
    """Three loads under an old build weigh less than one under this."""
    predicted = Footprint({"cuda:0": {Component.WEIGHTS: Span.exactly(10 * GIB)}})
    old = [observed(predicted, 15 * GIB, replace(KEY, build="b9000"))] * 3
    assert 15 * GIB == correct(predicted, KEY, old).pool("cuda:0").expected
    assert 11 * GIB == correct(predicted, KEY, [*old, observed(predicted, 11 * GIB)]).pool("cuda:0").expected


def test_another_context_teaches_what_its_own_prediction_missed() -> None:
    """Overhead that arithmetic cannot know is the same at any context; the KV cache is not."""
    small = Footprint({"cuda:0": {Component.KV: Span.exactly(GIB), Component.OVERHEAD: Span(0, 300 * MIB, 700 * MIB)}})
    large = Footprint(
        {"cuda:0": {Component.KV: Span.exactly(4 * GIB), Component.OVERHEAD: Span(0, 300 * MIB, 700 * MIB)}}
    )
    load = Observation(
        replace(KEY, context=2048), expected(small), {"cuda:0": {Component.KV: GIB}}, {"cuda:0": GIB + 200 * MIB}
    )
    learnt = correct(large, KEY, [load])
    assert 4 * GIB + 200 * MIB == learnt.pool("cuda:0").expected
    assert "est 1.3 · measured 1.2 · error +8.2 %" == comparison(large, KEY, [load])


@pytest.mark.parametrize(
    ("other", "weight"),
    [
        (KEY, 1.0),
        (replace(KEY, build="b9000"), OTHER_BUILD),
        (replace(KEY, context=4096), OTHER_SERVING),
        (replace(KEY, flags="-ub 128", build="b9000"), OTHER_BUILD * OTHER_SERVING),
        (replace(KEY, model="other"), 0.0),
    ],
)
def test_measurements_weigh_by_likeness(other: ServingKey, weight: float) -> None:
    """The same serving counts in full, another model not at all."""
    assert weight == KEY.weight(other)
