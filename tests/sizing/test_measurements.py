"""The memory of what loads took."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.demo import settings_file
from hostd.domain.footprint import Component, Footprint, Span, Tier
from hostd.models.local import open_path
from hostd.planning.footprint.calibration import ServingKey, serving_key
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.sizing.measurements import PER_KEY, CalibratedEstimator, MeasurementStore, split

KEY = ServingKey("model.gguf:123", 8192, 2, "f16", "b11549", "ram")
PREDICTED = Footprint({"ram": {Component.WEIGHTS: Span(1, 2, 3), Component.KV: Span.exactly(5)}})
SEEN = {"ram": {Component.WEIGHTS: 4}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the measurements are kept; the folder does not exist yet."""
    return tmp_path / "state" / "measurements.jsonl"


def test_what_is_recorded_is_there_after_a_restart(path: Path) -> None:
    """Prediction, count and total come back as they were, for the same model only."""
    assert MeasurementStore(path).record(KEY, PREDICTED, SEEN, {"ram": 9}) is None
    (found,) = MeasurementStore(path).about(replace(KEY, context=1))
    assert {"ram": {Component.WEIGHTS: 2, Component.KV: 5}} == found.predicted
    assert (KEY, SEEN, {"ram": 9}) == (found.key, found.measured, found.totals)
    assert () == MeasurementStore(path).about(replace(KEY, model="other"))


def test_the_file_is_bounded(path: Path) -> None:
    """Of the same serving only the latest are kept, and there are only so many in all."""
    store = MeasurementStore(path)
    for total in range(PER_KEY + 3):
        store.record(KEY, PREDICTED, SEEN, {"ram": total})
    assert list(range(3, PER_KEY + 3)) == [each.totals["ram"] for each in MeasurementStore(path).about(KEY)]
    assert PER_KEY == len(path.read_text().splitlines())


def test_a_damaged_file_loses_only_its_damage(path: Path) -> None:
    """Lines that cannot be read are skipped: half of one, another program's, a number that is none."""
    store = MeasurementStore(path)
    store.record(KEY, PREDICTED, SEEN, {"ram": 1})
    good = path.read_bytes()
    bad = [b"\xff\xfe", b"[]", b'{"key": 1}', good[: len(good) // 2], good.strip().replace(b'"ram": 1}', b'"ram": -1}')]
    bad += [b"[" * 100_000, b"{" + b'"key": {}, "totals": [1]}']
    path.write_bytes(b"\n".join([*bad, good]))
    store = MeasurementStore(path)
    assert 1 == len(store.about(KEY))
    assert store.record(KEY, PREDICTED, SEEN, {"ram": 2}) is None
    assert [1, 2] == [each.totals["ram"] for each in MeasurementStore(path).about(KEY)]
    assert 2 == len(path.read_bytes().splitlines())


def test_a_folder_that_takes_no_file_is_told_about(tmp_path: Path) -> None:
    """A load never fails for it, and this run still learns."""
    (tmp_path / "file").write_text("")
    store = MeasurementStore(tmp_path / "file" / "measurements.jsonl")
    said = store.record(KEY, PREDICTED, SEEN, {"ram": 1})
    assert said is not None
    assert "will not learn" in said
    assert 1 == len(store.about(KEY))


HEADER = open_path(settings_file().parent / "models" / "tiny-chat.gguf")
SERVING = Serving(context=4096, slots=2, unified=False)


def known(tmp_path: Path, placement: Placement) -> tuple[Footprint, Footprint]:
    """Return the footprint by arithmetic, and the best that is known."""
    estimator = CalibratedEstimator(MeasurementStore(tmp_path / "book.jsonl"))
    predicted = footprint(HEADER.shape, SERVING, placement)
    return predicted, estimator.about(HEADER, SERVING)(predicted, placement, None)


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
