"""An engine that computes is told from one that does nothing, whatever share of the machine it gets."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from hostd.supervisor.health.activity import Activity, computes, measure

BEFORE = Activity(100.0, cpu=50.0, waited=10.0, spare=1000.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cpu": 60.0}, True),
        ({"cpu": 54.0, "waited": 16.0}, True),
        ({"cpu": 50.1, "waited": 19.0}, True),
        ({"cpu": 50.1, "waited": 10.2}, False),
        ({"cpu": 50.0}, False),
        ({"gpu_share": 0.9}, True),
        ({"gpu_share": 0.02}, False),
        ({"gpu": 5}, True),
        ({"read_bytes": 4096}, True),
        ({"blocked": True}, True),
        ({"cpu": 60.0, "stopped": True}, False),
        ({"unseen": True}, True),
        ({"unseen": True, "stopped": True}, False),
    ],
)
def test_running_wanting_to_run_reading_and_waiting_for_a_card_is_computing(
    change: dict[str, float], expected: bool
) -> None:
    """And nothing else is."""
    after = replace(BEFORE, at=110.0, **change)  # type: ignore[arg-type]  # fields of several types
    assert expected is computes(BEFORE, after)


@pytest.mark.parametrize(
    ("used", "spare", "expected"),
    [(0.1, 0.0, True), (0.1, 20.0, False), (6.0, 20.0, True), (0.0, 0.0, False), (0.1, None, True)],
)
def test_where_waiting_is_not_counted_a_machine_without_spare_time_excuses(
    used: float, spare: float | None, expected: bool
) -> None:
    """On an idle machine an engine that computes gets a core."""
    before = Activity(100.0, cpu=50.0, spare=None if spare is None else 1000.0)
    after = Activity(110.0, cpu=50.0 + used, spare=None if spare is None else 1000.0 + spare)
    assert expected is computes(before, after)


def test_two_looks_at_the_same_moment_tell_nothing() -> None:
    """Nor does a clock that went back."""
    assert not computes(BEFORE, BEFORE)


@pytest.fixture
def spinning() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that computes, with the lowest priority."""
    process = subprocess.Popen([sys.executable, "-c", "import os; os.nice(19)\nwhile True: pass"])
    yield process
    process.kill()
    process.wait()


def looked_at(pid: int) -> bool:
    """Return whether *pid* computes, from two looks half a second apart."""
    before = measure(pid, time.monotonic(), lambda _: None)
    time.sleep(0.5)
    return computes(before, measure(pid, time.monotonic(), lambda _: None))


def test_a_process_that_computes_is_seen_and_one_that_is_stopped_is_not(spinning: subprocess.Popen[bytes]) -> None:
    """However busy the machine is that runs this test."""
    assert looked_at(spinning.pid)
    spinning.send_signal(signal.SIGSTOP)
    time.sleep(0.1)
    assert not looked_at(spinning.pid)


def test_a_process_that_sleeps_or_has_ended_does_not_compute() -> None:
    """Nor does it fail the look."""
    process = subprocess.Popen(["sleep", "60"])
    assert not looked_at(process.pid)
    process.kill()
    process.wait()
    assert not looked_at(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts how long threads waited for a processor")
def test_linux_counts_waiting_for_a_processor() -> None:
    """For each thread, so that a quota shows."""
    assert measure(os.getpid(), 0.0, lambda _: None).waited is not None


def test_cards_are_asked_about_the_engine_s_processes() -> None:
    """All of them."""
    asked: list[tuple[int, ...]] = []

    def card_use(pids: Sequence[int]) -> float:
        asked.append(tuple(pids))
        return 0.5

    found = measure(os.getpid(), 0.0, card_use)
    assert (0.5, True, False) == (found.gpu_share, os.getpid() in asked[0], found.unseen)
    for uses_card, unseen in ((True, True), (False, False)):
        assert unseen is measure(os.getpid(), 0.0, lambda _: None, uses_card=uses_card).unseen
