"""Arithmetic gives way to what was measured."""

from pathlib import Path

import pytest

from hostd.demo import settings_file
from hostd.domain.footprint import Footprint, Tier
from hostd.models.local import open_path
from hostd.planning.footprint.calibration import serving_key
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.sizing.calibrated import CalibratedEstimator, split
from hostd.sizing.measurements import MeasurementStore

HEADER = open_path(settings_file().parent / "models" / "tiny-chat.gguf")
SERVING = Serving(context=4096, slots=2, unified=False)


def known(tmp_path: Path, placement: Placement) -> tuple[Footprint, Footprint]:
    """Return the footprint by arithmetic, and the best that is known."""
    learned = CalibratedEstimator(MeasurementStore(tmp_path / "book.jsonl"))
    predicted = footprint(HEADER.shape, SERVING, placement)
    return predicted, learned.about(HEADER, SERVING)(predicted, placement, None)


def test_without_a_measurement_arithmetic_stands(tmp_path: Path) -> None:
    """The header's footprint is returned as it is."""
    predicted, found = known(tmp_path, Placement())
    assert predicted == found


def test_a_measurement_counts_most(tmp_path: Path) -> None:
    """It says so, with the estimate, the measurement and the error between them."""
    store = MeasurementStore(tmp_path / "book.jsonl")
    predicted = footprint(HEADER.shape, SERVING, Placement())
    store.record(serving_key(HEADER.identity, SERVING, Placement()), predicted, {}, {"ram": 50 << 20})
    _, found = known(tmp_path, Placement())
    assert Tier.MEASURED is found.tier
    assert "measured 0.0 · error" in found.notes[-1]
    assert 50 << 20 == pytest.approx(found.pool("ram").expected, rel=0.02)


def test_a_split_with_the_host_is_learned_of_apart(tmp_path: Path) -> None:
    """What half of the layers took says little of what all of them take."""
    placement, store = Placement.on("cuda:0"), MeasurementStore(tmp_path / "book.jsonl")
    serving = split(SERVING, placement, 1)
    whole, part = (footprint(HEADER.shape, each, placement) for each in (SERVING, serving))
    store.record(serving_key(HEADER.identity, serving, placement), part, {}, {"cuda:0": part.pool("cuda:0").expected})
    better = CalibratedEstimator(store).about(HEADER, SERVING)
    for predicted, layers in ((part, 1), (whole, None)):
        assert predicted.pool("cuda:0").expected == better(predicted, placement, layers).pool("cuda:0").expected
    assert part.pool("cuda:0").expected < whole.pool("cuda:0").expected
    assert SERVING == split(SERVING, Placement(), 0)
