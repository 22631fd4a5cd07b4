"""The memory of what loads took."""

from dataclasses import replace

import pytest

from hostd.demo import settings_file
from hostd.domain.footprint import Component, Footprint, Span, Tier
from hostd.models.local import open_path
from hostd.planning.footprint.calibration import Observation, ServingKey, serving_key
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.sizing.measurements import MOST, PER_KEY, CalibratedEstimator, MeasurementStore, split

KEY = ServingKey("model.gguf:123", 8192, 2, "f16", "b11549", "ram")
PREDICTED = Footprint({"ram": {Component.WEIGHTS: Span(1, 2, 3), Component.KV: Span.exactly(5)}})
SEEN = {"ram": {Component.WEIGHTS: 4}}


class Kept:
    """Where a store writes down what is measured, and a later one reads it."""

    def __init__(self) -> None:
        self.all: list[Observation] = []

    def store(self) -> MeasurementStore:
        """Return a store of a daemon that starts now."""
        return MeasurementStore(lambda: self.all, self.all.append)


def test_what_is_recorded_is_there_after_a_restart() -> None:
    """Prediction, count and total come back as they were, for the same model only."""
    kept = Kept()
    kept.store().record(KEY, PREDICTED, SEEN, {"ram": 9})
    (found,) = kept.store().about(replace(KEY, context=1))
    assert {"ram": {Component.WEIGHTS: 2, Component.KV: 5}} == found.predicted
    assert (KEY, SEEN, {"ram": 9}) == (found.key, found.measured, found.totals)
    assert () == kept.store().about(replace(KEY, model="other"))


def test_what_is_known_is_bounded() -> None:
    """Of the same serving only the latest count, and there are only so many in all."""
    kept = Kept()
    store = kept.store()
    for total in range(PER_KEY + 3):
        store.record(KEY, PREDICTED, SEEN, {"ram": total})
    assert list(range(3, PER_KEY + 3)) == [each.totals["ram"] for each in store.about(KEY)]
    for number in range(MOST):
        store.record(replace(KEY, model=str(number)), PREDICTED, SEEN, {"ram": 1})
    assert () == store.about(KEY)


def test_what_cannot_be_kept_is_known_in_this_run() -> None:
    """Without a file a store learns all the same."""
    store = MeasurementStore()
    store.record(KEY, PREDICTED, SEEN, {"ram": 1})
    assert 1 == len(store.about(KEY))


HEADER = open_path(settings_file().parent / "models" / "tiny-chat.gguf")
SERVING = Serving(context=4096, slots=2, unified=False)


def known(store: MeasurementStore, placement: Placement) -> tuple[Footprint, Footprint]:
    """Return the footprint by arithmetic, and the best that is known."""
    estimator = CalibratedEstimator(store)
    predicted = footprint(HEADER.shape, SERVING, placement)
    return predicted, estimator.about(HEADER, SERVING)(predicted, placement, None)


def test_without_a_measurement_arithmetic_stands() -> None:
    """The header's footprint is returned as it is."""
    predicted, found = known(MeasurementStore(), Placement())
    assert predicted == found


def test_a_measurement_counts_most() -> None:
    """It says so, with the estimate, the measurement and the error between them."""
    store = MeasurementStore()
    predicted = footprint(HEADER.shape, SERVING, Placement())
    store.record(serving_key(HEADER.identity, SERVING, Placement()), predicted, {}, {"ram": 50 << 20})
    _, found = known(store, Placement())
    assert Tier.MEASURED is found.tier
    assert "measured 0.0 · error" in found.notes[-1]
    assert 50 << 20 == pytest.approx(found.pool("ram").expected, rel=0.02)


def test_a_split_with_the_host_is_learned_of_apart() -> None:
    """What half of the layers took says little of what all of them take."""
    placement, store = Placement.on("cuda:0"), MeasurementStore()
    serving = split(SERVING, placement, 1)
    whole, part = (footprint(HEADER.shape, each, placement) for each in (SERVING, serving))
    store.record(serving_key(HEADER.identity, serving, placement), part, {}, {"cuda:0": part.pool("cuda:0").expected})
    better = CalibratedEstimator(store).about(HEADER, SERVING)
    for predicted, layers in ((part, 1), (whole, None)):
        assert predicted.pool("cuda:0").expected == better(predicted, placement, layers).pool("cuda:0").expected
    assert part.pool("cuda:0").expected < whole.pool("cuda:0").expected
    assert SERVING == split(SERVING, Placement(), 0)
