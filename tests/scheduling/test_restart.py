"""The schedule of restarts."""

import pytest

from hostd.domain.reason import ExitClass
from hostd.scheduling import restart
from hostd.scheduling.restart import RestartPolicy


def crashes(count: int, at: float = 0.0) -> RestartPolicy:
    """Return a history of *count* crashes in a row, all at *at*."""
    restarts = RestartPolicy()
    for _ in range(count):
        restarts.started()
        restarts.failed(ExitClass.UNKNOWN, at)
    return restarts


@pytest.mark.parametrize(("count", "delay"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0)])
def test_delays_double(count: int, delay: float) -> None:
    """The first restart is nearly at once, each further one twice as late."""
    assert RestartPolicy(count, count, again_at=100.0 + delay, failed_at=100.0) == crashes(count, 100.0)


def test_after_the_last_try_the_door_is_closed() -> None:
    """No restart is due; a request may start it after the cool-down, and the next crash closes the door at once."""
    restarts = crashes(restart.GIVE_UP_AFTER, 100.0)
    assert (True, None) == (restarts.gave_up, restarts.again_at)
    assert [False, True] == [restarts.open(100.0 + restart.COOL_DOWN - 0.1), restarts.open(100.0 + restart.COOL_DOWN)]
    restarts.started()
    assert restarts.open(0.0)
    restarts.failed(ExitClass.UNKNOWN, 500.0)
    assert (None, 500.0 + restart.COOL_DOWN) == (restarts.again_at, restarts.closed_until)


@pytest.mark.parametrize(("good_for", "streak"), [(restart.GOOD_SERVICE - 0.1, 5), (restart.GOOD_SERVICE, 1)])
def test_good_service_is_what_makes_forget(good_for: float, streak: int) -> None:
    """A crash after two good minutes is the first of a new streak; the total goes on."""
    restarts = crashes(4)
    restarts.ready(10.0)
    restarts.failed(ExitClass.UNKNOWN, 10.0 + good_for)
    assert (streak, 5) == (restarts.streak, restarts.total)


def test_a_failed_load_is_no_good_service() -> None:
    """Time counts only while the engine is ready."""
    restarts = crashes(1)
    restarts.ready(0.0)
    restarts.failed(ExitClass.UNKNOWN, 1.0)
    restarts.failed(ExitClass.UNKNOWN, 1000.0)
    assert 3 == restarts.streak


@pytest.mark.parametrize("exit_class", list(ExitClass))
def test_only_what_may_mend_itself_is_tried_again(exit_class: ExitClass) -> None:
    """A wrong flag and a missing file close the door for a short while instead."""
    restarts = RestartPolicy()
    restarts.failed(exit_class, 0.0)
    assert exit_class.mends_itself == (restarts.again_at is not None)
    assert exit_class.mends_itself != (restarts.closed_until == restart.UNMENDED_COOL_DOWN)


def test_holding_back_leaves_the_delay_to_requests() -> None:
    """It does not start by itself; from the same moment a request may start it."""
    restarts = crashes(2)
    restarts.hold_back()
    assert (None, 1.0) == (restarts.again_at, restarts.closed_until)
    closed = crashes(restart.GIVE_UP_AFTER)
    closed.hold_back()
    assert restart.COOL_DOWN == closed.closed_until


def test_forgiving_keeps_only_the_total() -> None:
    """It was loaded by hand; the count of restarts that `ps` shows stays."""
    restarts = crashes(7)
    restarts.reset()
    assert RestartPolicy(streak=0, total=7) == restarts


def test_a_failure_without_a_start_leaves_nothing_of_the_one_before() -> None:
    """A check that fails where no engine was started moves the next try; one that was due before is not due still."""
    restarts = RestartPolicy()
    for at in range(restart.GIVE_UP_AFTER):
        restarts.failed(ExitClass.UNKNOWN, float(at))
    assert (None, restart.GIVE_UP_AFTER - 1 + restart.COOL_DOWN) == (restarts.again_at, restarts.closed_until)
    restarts.failed(ExitClass.MISSING_FILE, 500.0)
    assert (None, 500.0 + restart.UNMENDED_COOL_DOWN) == (restarts.again_at, restarts.closed_until)


def test_a_restart_whose_time_has_come_is_not_due_any_more() -> None:
    """Should there be no memory for it then, a request has it loaded, and the plan brings it back; neither waits for it."""
    restarts = crashes(1)
    restarts.delay_over()
    assert (None, True, True) == (restarts.again_at, restarts.open(0.5), restarts.returns(0.5))


def test_the_plan_brings_it_back_after_the_cool_down() -> None:
    """Not while a restart is due, and not where the owner has something to mend, which requests look at sooner."""
    assert not crashes(1).returns(1000.0)
    restarts = RestartPolicy()
    restarts.failed(ExitClass.BAD_FLAG, 100.0)
    assert restarts.open(100.0 + restart.UNMENDED_COOL_DOWN)
    assert not restarts.returns(100.0 + restart.COOL_DOWN - 0.1)
    assert restarts.returns(100.0 + restart.COOL_DOWN)
