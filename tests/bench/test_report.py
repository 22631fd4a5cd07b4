"""From rounds to figures and targets."""

import importlib
from typing import Any

import pytest

report = importlib.import_module("bench.report")
measuring = importlib.import_module("bench.measuring")
load = importlib.import_module("bench.load")
pacing = importlib.import_module("bench.pacing")
startup = importlib.import_module("bench.startup")
workloads = importlib.import_module("bench.workloads")


def measured(name: str, *rounds: tuple[float, float, float], rss: int | None = None, version: float = 0.1) -> Any:
    """Return what was seen of a target: speed, p50 in ms, and CPU (of a request in ms, of a chunk in us), round by round."""
    seen = report.Measured(name, rss_start=rss, rss_after=rss)
    for speed, p50, cpu in rounds:
        for scenario in workloads.SCENARIOS:
            figures = load.Figures(speed, p50, 2 * p50)
            seen.full[scenario.key].append(measuring.Sample(figures, 1000, cpu, 0.1, 2.0))
        seen.paced.append(pacing.Paced(1600.0, cpu))
        seen.startups.append(startup.Startup(version, version / 2, 0.02))
    return seen


def verdicts(*seen: Any) -> list[bool | None]:
    """Return whether each target is met: four shares, four latencies, chunks, memory, start."""
    return [target.met for target in report.targets(seen)]


DIRECT = measured("direct", (10000.0, 0.1, 0.0))
BARE = measured("bare", (1000.0, 0.4, 100.0))


def test_targets_are_met_at_their_bounds() -> None:
    """Just good enough is good enough."""
    hostd = measured("hostd", (600.0, 0.1 + 1.6 * 0.3 - 1e-9, 120.0), rss=80_000_000, version=0.15)
    assert [True] * 11 == verdicts(DIRECT, BARE, hostd)


def test_targets_are_missed_beyond_their_bounds() -> None:
    """A little too bad is too bad, for each of them."""
    hostd = measured("hostd", (599.0, 0.1 + 1.6 * 0.3 + 0.001, 121.0), rss=80_000_001, version=0.151)
    assert [False] * 11 == verdicts(DIRECT, BARE, hostd)


def test_latency_may_be_small_instead_of_comparable() -> None:
    """A quarter of a millisecond is little enough, whatever the pass-through adds."""
    bare = measured("bare", (1000.0, 0.11, 100.0))
    hostd = measured("hostd", (1000.0, 0.34, 100.0))
    assert [True] * 4 == verdicts(DIRECT, bare, hostd)[4:8]


@pytest.mark.parametrize("seen", [(), (BARE,), (DIRECT, BARE)])
def test_what_was_not_measured_is_not_judged(seen: tuple[Any, ...]) -> None:
    """Without hostd there is no verdict, and none of them is a failure."""
    assert [None] * 11 == verdicts(*seen)
    assert all("not measured" in str(target) for target in report.targets(seen))


def test_rounds_are_compared_with_themselves() -> None:
    """Where the machine is slow in one round it is so for all: ratios come from pairs, not from medians."""
    bare = measured("bare", (1000.0, 0.4, 100.0), (100.0, 4.0, 100.0), (400.0, 1.0, 100.0))
    hostd = measured("hostd", (700.0, 0.4, 100.0), (70.0, 4.0, 100.0), (280.0, 1.0, 100.0))
    figures = report.summary([bare, hostd])["hostd"]
    assert pytest.approx(0.7) == figures["whole_32_share_of_bare"]


def test_target_of_the_first_round_alone_is_compared_with_that() -> None:
    """A slow gateway has fewer rounds than the others."""
    bare = measured("bare", (1000.0, 0.4, 100.0), (10.0, 0.4, 100.0))
    slow = measured("litellm", (100.0, 0.4, 1000.0))
    assert pytest.approx(0.1) == report.summary([bare, slow])["litellm"]["whole_32_share_of_bare"]


def test_table_has_a_column_for_each_target_and_gaps_for_what_does_not_apply() -> None:
    """The upstream itself has no gateway whose CPU time could be charged."""
    text = report.table([DIRECT, BARE])
    rows = [line.split() for line in text.splitlines()]
    assert ["direct", "bare"] == rows[0]
    chunks = next(row for row in rows if row[:4] == ["CPU", "us", "per", "chunk"])
    assert ["100.0", "100.0"] == chunks[-2:] or ["0.0", "100.0"] == chunks[-2:]


def test_dashboards_cost_little() -> None:
    """A twentieth of the requests is the most that ten of them may cost; where none were open nothing is said of it."""
    hostd = measured("hostd", (1000.0, 0.2, 100.0), rss=1)
    for speed, met in ((950.0, True), (949.0, False)):
        found = report.targets([DIRECT, BARE, hostd, measured("watched", (speed, 0.2, 107.0))])[11:]
        assert [met] * 4 == [target.met for target in found]
        assert "1.07 times the CPU per request" in str(found[0])
