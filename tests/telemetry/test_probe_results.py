"""What was found is remembered by model and build."""

from hostd.domain.capability import Finding, ProbeVerdict
from hostd.telemetry.probe_results import ProbeResults
from hostd.telemetry.sinks import ProbeRecord

YES = {"tools": Finding(ProbeVerdict.YES, "y")}
NO = {"tools": Finding(ProbeVerdict.NO, "n")}


def test_remembers_and_keeps() -> None:
    """Each result is written down, and known of its build; the last one is known of the model."""
    kept: list[ProbeRecord] = []
    results = ProbeResults(kept.append)
    assert ({}, {}) == (results.about("m", "b1"), results.last("m"))
    for record in (ProbeRecord(1.0, "m", "m", "b1", YES), ProbeRecord(2.0, "m", "m", "b2", NO)):
        results.add(record)
    assert (YES, NO, NO, {}) == (
        results.about("m", "b1"),
        results.about("m", "b2"),
        results.last("m"),
        results.about("x", "b2"),
    )
    assert [1.0, 2.0] == [each.at for each in kept]
    assert "<ProbeResults of 2 builds>" == repr(results)


def test_recalls() -> None:
    """What was recorded before, of which the newest counts, and this daemon's own results more; nothing is written again."""
    kept: list[ProbeRecord] = []
    results = ProbeResults(kept.append)
    results.add(ProbeRecord(9.0, "m", "m", "b1", NO))
    earlier = [("n", NO), ("n", YES), ("m", YES)]
    results.recall(ProbeRecord(float(at), name, name, "b1", found) for at, (name, found) in enumerate(earlier))
    assert (YES, NO, NO) == (results.about("n", "b1"), results.about("m", "b1"), results.last("m"))
    assert 1 == len(kept)


def test_without_a_database_it_remembers_until_the_end() -> None:
    """There is nothing to write to."""
    results = ProbeResults()
    results.add(ProbeRecord(1.0, "m", "m", "", YES))
    assert YES == results.last("m")
