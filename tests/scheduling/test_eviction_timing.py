"""What it costs to let a model go, and how soon one may be asked to."""

import pytest

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.lifecycle import State
from hostd.domain.ticket import Route, Target, Ticket
from hostd.planning.warm_set.eviction import SELDOM
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD
from hostd.scheduling.eviction_timing import (
    IDLE_BEFORE_OPTIONAL_EVICTION,
    IDLE_LOADS,
    LINGER,
    LINGER_LOADS,
    LINGER_SHARE,
    RESIDENCY_LOADS,
    STOPPING,
    WAIT_LOADS,
    WAIT_TIMEOUTS,
    evictable_at,
    eviction_cost,
    has_first_call,
    load_order,
)
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.pending_load import PendingLoad
from hostd.scheduling.request_state import RequestState
from tests.scheduling.scenario import profile

NOW = 1000.0


def model_state(
    name: str = "a",
    *,
    load: float = 10.0,
    state: State = State.READY,
    ready_at: float = NOW,
    **more: int,
) -> ModelState:
    """Return a model that took *load* seconds to load and has been ready and idle since *ready_at*."""
    return ModelState(profile(name, **more), state=state, load_seconds=load, ready_at=ready_at, idle_since=ready_at)


def busy() -> ModelState:
    """Return a model that has just become ready and answers a request."""
    found = model_state()
    found.serving["t0"] = waiting(NOW, "a")
    return found


def waiting(since: float, name: str = "b") -> RequestState:
    """Return a request that has waited since then."""
    return RequestState(
        Ticket(f"t{since}", Route(name, (Target(name),))), arrived=since, expires=since + 600.0, since=since
    )


def waited_for(*since: float, load: float = 1.0, **more: int) -> ModelState:
    """Return a cold model for which requests have waited since then."""
    model = ModelState(profile("b", **more), load_seconds=load)
    for at in since:
        model.queue.push(waiting(at))
    return model


class TestPrice:
    """Load seconds, times the chance of another request soon, times what the owner thinks of it."""

    def test_a_model_without_requests_is_cheap_but_not_free(self) -> None:
        """One per cent of its load."""
        assert 10.0 * SELDOM == eviction_cost(model_state(), NOW, {}, declared=False)

    def test_what_is_asked_for_costs_its_whole_load(self) -> None:
        """Another request within ten seconds is certain."""
        found = model_state()
        for second in range(900):
            found.request_rate.add(NOW - 900 + second)
        assert pytest.approx(10.0, rel=0.01) == eviction_cost(found, NOW, {}, declared=False)

    def test_the_hour_of_the_week_counts_where_it_promises_more(self) -> None:
        """360 requests an hour bring one within ten seconds with 63 %."""
        assert pytest.approx(6.32, abs=0.01) == eviction_cost(
            model_state(), NOW, {"a": 360.0, "b": 900.0}, declared=False
        )

    def test_what_is_declared_weighs_twice(self) -> None:
        """It would only have to come back."""
        assert 2.0 * 10.0 * SELDOM == eviction_cost(model_state(), NOW, {}, declared=True)

    @pytest.mark.parametrize(("priority", "weight"), [(0, 0.5), (50, 1.0), (100, 1.5)])
    def test_the_owner_s_priority_weighs(self, priority: int, weight: float) -> None:
        """From half to one and a half times."""
        assert pytest.approx(weight * 10.0 * SELDOM) == eviction_cost(
            model_state(priority=priority), NOW, {}, declared=False
        )

    def test_what_can_sleep_costs_its_waking(self) -> None:
        """It does not have to be loaded again."""
        found = model_state()
        found.sleep_levels, found.wake_seconds = (1, 2), 0.5
        assert 0.5 * SELDOM == eviction_cost(found, NOW, {}, declared=False)

    def test_a_load_that_was_never_measured_is_estimated(self) -> None:
        """There is always a number."""
        assert UNMEASURED_LOAD * SELDOM == eviction_cost(ModelState(profile("a")), NOW, {}, declared=False)


TIMEOUT = 30.0
"""The queue timeout of these models (seconds)."""

FOR_REQUEST = PendingLoad("b", "request", NOW)


class TestIdle:
    """When an idle model may be evicted for a request that waits."""

    @pytest.mark.parametrize(("load", "lingers"), [(10.0, LINGER), (1.0, LINGER_LOADS)])
    def test_it_goes_almost_at_once_for_one_that_can_be_in_time(self, load: float, lingers: float) -> None:
        """However young it is; a client that asks again at once would find it there."""
        assert NOW + lingers == evictable_at(model_state(load=load), FOR_REQUEST, waited_for(NOW), NOW)
        late = evictable_at(model_state(load=load, ready_at=NOW - 9.0), FOR_REQUEST, waited_for(NOW - 500.0), NOW)
        assert late is not None
        assert late <= NOW

    def test_it_goes_at_once_where_clients_take_their_time(self) -> None:
        """Of its last idle times hardly one ended at once."""
        found = model_state()
        found.asked_at_once = LINGER_SHARE - 0.01
        assert NOW == evictable_at(found, FOR_REQUEST, waited_for(NOW), NOW)

    def test_it_stays_where_the_other_is_late_anyway(self) -> None:
        """A load that takes longer than the queue timeout saves no request that waits: until it was worth the loads of both."""
        slow = waited_for(NOW - 1.0, load=TIMEOUT)
        used = model_state(load=10.0, ready_at=NOW - 9.0)
        used.idle_since = NOW
        assert NOW + IDLE_LOADS * 10.0 == evictable_at(used, FOR_REQUEST, slow, NOW)
        used.ready_at = NOW - 39.0
        assert NOW + 1.0 == evictable_at(used, FOR_REQUEST, slow, NOW)

    def test_a_longer_queue_timeout_is_a_request_in_time(self) -> None:
        """The same load, for a client that waits longer."""
        patient = waited_for(NOW - 1.0, load=TIMEOUT, queue_timeout=60)
        assert NOW + LINGER == evictable_at(model_state(), FOR_REQUEST, patient, NOW)


class TestBusy:
    """When a busy model is closed for a request that waits; loads take 10 s here unless said otherwise."""

    @pytest.mark.parametrize(
        ("load", "more", "waits"),
        [
            (1.0, {"queue_timeout": 1000}, WAIT_LOADS * 11.0),
            (25.0, {}, WAIT_TIMEOUTS * TIMEOUT),
            (200.0, {}, 210.0),
        ],
    )
    def test_it_is_closed_after_some_loads_or_timeouts(self, load: float, more: dict[str, int], waits: float) -> None:
        """Whichever is less, but never sooner than a stay is worth the loads of both."""
        claimant = waited_for(NOW - 40.0, NOW - 1.0, load=load, **more)
        assert NOW - 40.0 + waits == evictable_at(busy(), FOR_REQUEST, claimant, NOW)

    @pytest.mark.parametrize(("load", "stays"), [(10.0, RESIDENCY_LOADS * 10.0), (20.0, TIMEOUT), (50.0, 50.0)])
    def test_one_that_has_only_come_is_not_closed_before_its_load_was_worth_it(self, load: float, stays: float) -> None:
        """Twice its load, within a queue timeout, at least once."""
        found = busy()
        found.load_seconds = load
        found.queue.push(waiting(NOW, "a"))
        assert NOW + stays == evictable_at(found, FOR_REQUEST, waited_for(NOW - 500.0), NOW)

    def test_it_is_closed_in_time_where_that_harms_no_request(self) -> None:
        """Loads of one and three seconds: it is back well within its own queue timeout, whoever comes meanwhile."""
        found, patient = busy(), {"queue_timeout": 40}
        found.profile = profile("a", queue_timeout=40)
        found.load_seconds, found.ready_at = 1.0, NOW - 10.0
        found.service_seconds = 15.0
        in_time = NOW - 4.0 + 40.0 - 3.0 - STOPPING - 15.0
        assert in_time == evictable_at(found, FOR_REQUEST, waited_for(NOW - 4.0, load=3.0, **patient), NOW)

    def test_it_is_not_where_its_own_requests_would_be_late(self) -> None:
        """As it loads slowly, or as its answers take long, or as one of its requests waits already."""
        slow, long, queued = busy(), busy(), busy()
        long.load_seconds = queued.load_seconds = 1.0
        long.service_seconds = 40.0
        queued.queue.push(waiting(NOW, "a"))
        slow.load_seconds = 25.0
        for found in (slow, long, queued):
            found.ready_at = NOW - 100.0
            both = found.seconds_to_load + 1.0
            assert NOW - 4.0 + min(WAIT_LOADS * both, WAIT_TIMEOUTS * TIMEOUT) == evictable_at(
                found, FOR_REQUEST, waited_for(NOW - 4.0), NOW
            )

    def test_a_deadline_of_higher_priority_comes_first(self) -> None:
        """The load has to begin so early that the first who waits is served within its queue_timeout, even beside answers."""
        dear = waited_for(NOW - 4.0, load=3.0, priority=51, queue_timeout=10)
        assert NOW - 4.0 + 10.0 - 3.0 == evictable_at(busy(), FOR_REQUEST, dear, NOW)

    def test_a_deadline_of_equal_priority_does_not(self) -> None:
        """It waits like everybody where that would make others late."""
        found = busy()
        found.service_seconds = 20.0
        same = waited_for(NOW - 4.0, load=3.0, queue_timeout=10)
        assert NOW - 4.0 + WAIT_TIMEOUTS * 10.0 == evictable_at(found, FOR_REQUEST, same, NOW)


class TestOthers:
    """Loads that no request waits for, and models that are neither idle nor busy."""

    def test_the_owner_s_hand_moves_idle_ones_at_once(self) -> None:
        """Busy ones are closed when they would be for a request."""
        by_hand, claimant = PendingLoad("b", "asked", NOW), ModelState(profile("b"))
        assert NOW == evictable_at(model_state(), by_hand, claimant, NOW)
        assert NOW + WAIT_TIMEOUTS * TIMEOUT == evictable_at(busy(), by_hand, claimant, NOW)

    @pytest.mark.parametrize("why", ["preload", "window", "demand", "restart", "return"])
    def test_for_what_is_merely_wanted_only_those_go_that_have_been_idle_for_long(self, why: str) -> None:
        """No request waits for it."""
        found, pending = model_state(ready_at=NOW - 10.0), PendingLoad("b", why, NOW)
        assert NOW - 10.0 + IDLE_BEFORE_OPTIONAL_EVICTION == evictable_at(found, pending, ModelState(profile("b")), NOW)
        assert None is evictable_at(busy(), pending, ModelState(profile("b")), NOW)

    def test_a_sleeping_one_may_go_at_any_time(self) -> None:
        """It serves no request."""
        for why in ("request", "return"):
            assert NOW == evictable_at(
                model_state(state=State.SLEEPING), PendingLoad("b", why, NOW), ModelState(profile("b")), NOW
            )

    @pytest.mark.parametrize("state", [State.LOADING, State.DRAINING, State.STOPPING, State.FAILED])
    def test_of_others_only_an_event_can_tell(self, state: State) -> None:
        """A load has to end first."""
        assert None is evictable_at(model_state(state=state), FOR_REQUEST, waited_for(NOW - 9.0), NOW)


class TestOrder:
    """Which of the loads that wait gets memory first."""

    def test_the_oldest_comes_first(self) -> None:
        """Where all of them can be in time."""
        older, newer = PendingLoad("b", "request", NOW - 9.0), PendingLoad("a", "request", NOW - 8.0)
        keys = load_order(older, waited_for(NOW - 9.0), NOW), load_order(newer, waited_for(NOW - 8.0), NOW)
        assert keys[0] < keys[1]

    def test_one_that_is_late_gives_way_but_not_for_ever(self) -> None:
        """After some queue timeouts it is the oldest again."""
        late, newer = PendingLoad("b", "request", NOW), PendingLoad("a", "request", NOW + TIMEOUT)
        claimant, other = waited_for(NOW), waited_for(NOW + TIMEOUT)
        now = NOW + TIMEOUT
        assert load_order(newer, other, now) < load_order(late, claimant, now)
        now = NOW + WAIT_TIMEOUTS * TIMEOUT
        assert load_order(late, claimant, now) < load_order(newer, other, now)

    def test_one_with_few_late_requests_does_not(self) -> None:
        """Those that joined later can be in time."""
        crowd, other = PendingLoad("b", "request", NOW), PendingLoad("a", "request", NOW + 20.0)
        claimant, now = waited_for(NOW, NOW + 25.0, NOW + 26.0), NOW + TIMEOUT
        assert load_order(crowd, claimant, now) < load_order(other, waited_for(NOW + 20.0), now)

    def test_what_no_request_waits_for_comes_last(self) -> None:
        """However old it is."""
        wanted, late = PendingLoad("a", "preload", NOW - 900.0), PendingLoad("b", "request", NOW - 90.0)
        claimant = waited_for(NOW - 90.0)
        assert load_order(late, claimant, NOW) < load_order(wanted, ModelState(profile("a")), NOW)

    def test_memory_is_kept_for_one_with_victims_or_a_long_wait(self) -> None:
        """Until then small loads go on beside it."""
        pending, claimant = PendingLoad("b", "request", NOW), waited_for(NOW, load=20.0)
        last = NOW + WAIT_TIMEOUTS * TIMEOUT
        assert [False, True] == [has_first_call(pending, claimant, at) for at in (last - 1.0, last)]
        pending.victims = ("a",)
        assert has_first_call(pending, claimant, NOW)


def test_conversations_that_must_be_read_again_weigh_like_loads() -> None:
    """In what an eviction costs, and in how long a busy model stays for the sake of one that waits."""
    sums = AnswerSums(prompt=1000, cached=900, answer=1, reading=10.0)
    model, reading = model_state(), model_state()
    reading.release_slot("1", NOW, sums)
    assert 90.0 == reading.seconds_to_read_again
    costs = [eviction_cost(each, NOW, {}, declared=False) for each in (model, reading)]
    assert round(costs[0] * 10, 6) == round(costs[1], 6)
    for each in (model, reading):
        each.serving["t0"] = waiting(NOW, "a")
    claimant = waited_for(NOW, queue_timeout=300)
    pending = PendingLoad("b", "request", NOW)
    times = [evictable_at(each, pending, claimant, NOW) for each in (model, reading)]
    assert times[0] is not None
    assert times[1] is not None
    assert times[0] < times[1]
