"""What counts as progress, and for how long computing may stand in for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.profile import Limits
from hostd.domain.progress import EngineProgress, PromptProgress, SlotProgress
from hostd.supervisor.health.progress_tracker import SLOWEST_READING, ProgressTracker

LIMITS = Limits(first_token_timeout=30.0, total_timeout=600.0)


def tracker() -> ProgressTracker:
    """Return that of an engine that has one request since 0."""
    made = ProgressTracker(lambda: LIMITS, 0.0)
    made.begun(0.0)
    return made


def slots(*each: SlotProgress) -> EngineProgress:
    """Return a report."""
    return EngineProgress(each)


def test_counters_that_move_are_tokens() -> None:
    """Of prompts as of answers; counters that stand still are none, however much the engine computes."""
    seen = tracker()
    moves = [SlotProgress(0, 0, 64), SlotProgress(0, 64, 64), SlotProgress(0, 100, 0), SlotProgress(1, 100, 0)]
    for at, slot in enumerate(moves):
        seen.reported(slots(slot), 10.0 * at, computes=False)
    assert 30.0 == seen.alive_at
    seen.reported(slots(moves[-1]), 45.0, computes=True)
    assert 30.0 == seen.alive_at
    assert not seen.overdue(60.0)
    assert seen.overdue(61.0)


def test_a_first_report_is_no_news() -> None:
    """There is nothing that it could differ from."""
    seen = tracker()
    seen.reported(slots(SlotProgress(0)), 20.0, computes=True)
    assert 0.0 == seen.alive_at


def test_computing_counts_while_a_batch_of_a_prompt_is_computed() -> None:
    """As long as the slowest machine that is of use would take for it; without computing it does not count."""
    seen = tracker()
    longest = 400 / SLOWEST_READING
    for at in range(5, int(longest) + 50, 5):
        seen.reported(slots(SlotProgress(0, 0, 400)), float(at), computes=True)
        assert min(float(at), longest - 30.0) == seen.alive_at
    assert seen.overdue(longest + 1.0)
    seen = tracker()
    for at in range(5, 50, 5):
        seen.reported(slots(SlotProgress(0, 0, 400)), float(at), computes=False)
    assert 0.0 == seen.alive_at


def test_a_batch_is_known_from_the_stream_where_slots_are_silent() -> None:
    """Some builds answer nothing until the batch is done; one that is done with its prompt has no excuse."""
    seen = tracker()
    seen.prompt("a", PromptProgress(0, 2000), 1.0)
    seen.reported(None, 50.0, computes=True)
    assert 50.0 == seen.alive_at
    seen.prompt("a", PromptProgress(2000, 2000), 60.0)
    seen.reported(None, 80.0, computes=True)
    assert 60.0 == seen.alive_at
    assert seen.overdue(91.0)


def test_a_timed_batch_measures_the_next() -> None:
    """On a machine that reads a thousand tokens a second, a batch of a few hundred has only the limit."""
    seen = tracker()
    seen.prompt("a", PromptProgress(0, 3000), 0.0)
    seen.prompt("a", PromptProgress(1000, 3000), 1.0)
    seen.reported(None, 32.0, computes=True)
    assert 1.0 == seen.alive_at
    slow = tracker()
    slow.prompt("a", PromptProgress(0, 3000), 0.0)
    slow.prompt("a", PromptProgress(1000, 3000), 100.0)
    slow.reported(None, 500.0, computes=True)
    assert 500.0 == slow.alive_at


def test_a_prompt_of_which_nothing_is_reported_has_the_time_that_its_length_takes() -> None:
    """Answers in one piece have no events, and older builds none at all; a short one has only the limit."""
    for tokens, expected in ((1000, 100.0), (50, 0.0)):
        seen = ProgressTracker(lambda: LIMITS, 0.0, reports=True)
        seen.begun(0.0)
        seen.expect("a", tokens)
        seen.reported(None, 100.0, computes=True)
        assert expected == seen.alive_at
        assert (tokens == 50) is seen.overdue(101.0)
        seen.done("a", given_up=False)
        assert seen.overdue(101.0)


def test_an_engine_that_reports_nothing_has_the_time_of_a_request() -> None:
    """Which is how long anybody would wait for it."""
    seen = tracker()
    for at in (100.0, 300.0, 599.0, 700.0):
        seen.reported(None, at, computes=True)
    assert 300.0 == seen.alive_at
    assert not seen.overdue(600.0)
    assert seen.overdue(601.0)
    assert "reports nothing about its progress, for 601 s" in seen.why(601.0)


def test_the_silence_of_work_that_was_given_up_goes_on() -> None:
    """A client that left does not make a stuck engine well; one that answers is."""
    seen = tracker()
    seen.prompt("a", PromptProgress(5, 5), 1.0)
    seen.done("a", given_up=True)
    seen.rested()
    seen.begun(25.0)
    seen.reported(None, 30.0, computes=True)
    assert 1.0 == seen.alive_at
    assert seen.overdue(32.0)
    seen.reported(EngineProgress(), 33.0, computes=False)
    seen.rested()
    seen.begun(1000.0)
    assert not seen.overdue(1029.0)
    assert seen.overdue(1031.0)


def test_the_batch_of_a_request_that_was_given_up_is_computed_to_its_end() -> None:
    """The engine is not stuck for it."""
    seen = tracker()
    seen.prompt("a", PromptProgress(0, 1000), 1.0)
    seen.done("a", given_up=True)
    seen.reported(None, 90.0, computes=True)
    assert 90.0 == seen.alive_at
    assert not seen.overdue(100.0)
    seen.reported(EngineProgress(), 120.0, computes=False)
    seen.reported(None, 121.0, computes=True)
    assert 90.0 == seen.alive_at


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0.1, 20.0), st.booleans(), st.booleans()), max_size=60))
def test_a_prompt_that_is_read_is_never_overdue(batches: list[tuple[float, bool, bool]]) -> None:
    """However long each batch takes within the limit, and whether or not the engine answers or seems to compute."""
    seen, now, read = tracker(), 0.0, 0
    for seconds, answers, computes in batches:
        now, read = now + seconds, read + 64
        seen.prompt("a", PromptProgress(read, 64 * 61), now)
        report = slots(SlotProgress(0, read, 64)) if answers else None
        seen.reported(report, now, computes=computes)
        assert not seen.overdue(now)
        assert now == seen.alive_at
