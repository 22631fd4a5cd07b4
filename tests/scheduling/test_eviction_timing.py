"""What it costs to let a model go, and how soon one may be asked to."""

import pytest

from hostd.domain.lifecycle import State
from hostd.domain.ticket import Route, Target, Ticket
from hostd.planning.warm_set.eviction import SELDOM
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD
from hostd.scheduling.eviction_timing import (
    IDLE_BEFORE_EVICTION,
    IDLE_BEFORE_OPTIONAL_EVICTION,
    LEAST_RESIDENCY,
    LONGEST_RESIDENCY,
    LONGEST_WAIT,
    WAIT_LOADS,
    WAIT_TO_COST,
    evictable_at,
    eviction_cost,
    residency,
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


@pytest.mark.parametrize(("load", "stays"), [(0.1, LEAST_RESIDENCY), (10.0, 20.0), (100.0, LONGEST_RESIDENCY)])
def test_a_model_stays_twice_as_long_as_it_took_to_load(load: float, stays: float) -> None:
    """Within bounds, so that no request waits for ever."""
    assert stays == residency(model_state(load=load))


class TestFreeAt:
    """When a model may be asked to go for another; loads take 10 s here, so residency lasts 20."""

    def test_an_idle_one_goes_when_it_has_been_idle_for_long(self) -> None:
        """However dear it is, and however little the others have waited."""
        found = model_state(ready_at=NOW - 3.0)
        assert NOW - 3.0 + IDLE_BEFORE_EVICTION == evictable_at(
            found, PendingLoad("b", "request", NOW), waited_for(NOW), NOW, cost=1e9
        )

    def test_an_idle_one_goes_once_the_others_have_waited_for_its_price(self) -> None:
        """Two who have waited 3 s each need 2 s more to make up 10."""
        claimant = waited_for(NOW - 3.0, NOW - 3.0 + 1e-9)
        cost, found = 10.0 / WAIT_TO_COST, model_state(ready_at=NOW - LEAST_RESIDENCY)
        assert pytest.approx(NOW + 2.0) == evictable_at(found, PendingLoad("b", "request", NOW), claimant, NOW, cost)

    def test_an_idle_one_whose_price_was_waited_for_already_goes_now(self) -> None:
        """However long others would go on waiting."""
        claimant, found = waited_for(NOW - 11.0), model_state(ready_at=NOW - LEAST_RESIDENCY)
        assert NOW == evictable_at(found, PendingLoad("b", "request", NOW), claimant, NOW, cost=10.0 / WAIT_TO_COST)

    @pytest.mark.parametrize(("load", "stays"), [(10.0, LEAST_RESIDENCY), (2.0, 2.0)])
    def test_an_idle_one_does_not_go_as_soon_as_it_has_come(self, load: float, stays: float) -> None:
        """It stays for its own load, five seconds at most, however long others have waited: or each load serves one request."""
        claimant = waited_for(NOW - 500.0)
        assert NOW + stays == evictable_at(
            model_state(load=load), PendingLoad("b", "request", NOW - 500.0), claimant, NOW, cost=0.0
        )

    @pytest.mark.parametrize(("load", "waits"), [(1.0, WAIT_LOADS * 11.0), (30.0, LONGEST_WAIT)])
    def test_a_busy_one_is_closed_after_some_loads_of_both(self, load: float, waits: float) -> None:
        """Answers under way make the others wait for as much as is worth two loads, and never longer than the longest wait."""
        claimant = waited_for(NOW - 40.0, NOW - 1.0, load=load)
        assert NOW - 40.0 + waits == evictable_at(
            busy(), PendingLoad("b", "request", NOW - 39.0), claimant, NOW, cost=1.0
        )

    def test_a_busy_one_that_has_only_come_is_not_closed_before_its_residency(self) -> None:
        """Or its load would have been in vain."""
        claimant = waited_for(NOW - LONGEST_WAIT)
        assert NOW + 20.0 == evictable_at(busy(), PendingLoad("b", "request", NOW), claimant, NOW, cost=1.0)

    def test_a_deadline_of_higher_priority_comes_first(self) -> None:
        """The load has to begin so early that the first who waits is served within its queue_timeout, even beside answers."""
        dear = waited_for(NOW - 4.0, load=3.0, priority=51, queue_timeout=10)
        assert NOW - 4.0 + 10.0 - 3.0 == evictable_at(busy(), PendingLoad("b", "request", NOW), dear, NOW, cost=1e9)

    def test_a_deadline_of_equal_priority_does_not(self) -> None:
        """It waits like everybody."""
        same = waited_for(NOW - 4.0, load=3.0, queue_timeout=10)
        assert NOW - 4.0 + WAIT_LOADS * 13.0 == evictable_at(
            busy(), PendingLoad("b", "request", NOW), same, NOW, cost=1e9
        )

    def test_the_owner_s_hand_moves_idle_ones_at_once(self) -> None:
        """Busy ones are closed when they would be for a request."""
        by_hand, claimant = PendingLoad("b", "asked", NOW), ModelState(profile("b"))
        assert NOW == evictable_at(model_state(), by_hand, claimant, NOW, cost=1e9)
        assert NOW + LONGEST_WAIT == evictable_at(busy(), by_hand, claimant, NOW, cost=1e9)

    @pytest.mark.parametrize("why", ["preload", "window", "demand", "restart", "return"])
    def test_for_what_is_merely_wanted_only_those_go_that_have_been_idle_for_long(self, why: str) -> None:
        """No request waits for it."""
        found, pending = model_state(ready_at=NOW - 10.0), PendingLoad("b", why, NOW)
        assert NOW - 10.0 + IDLE_BEFORE_OPTIONAL_EVICTION == evictable_at(
            found, pending, ModelState(profile("b")), NOW, cost=0.0
        )
        assert None is evictable_at(busy(), pending, ModelState(profile("b")), NOW, cost=0.0)

    def test_a_sleeping_one_may_go_at_any_time(self) -> None:
        """It serves no request."""
        for why in ("request", "return"):
            assert NOW == evictable_at(
                model_state(state=State.SLEEPING), PendingLoad("b", why, NOW), ModelState(profile("b")), NOW, cost=1e9
            )

    @pytest.mark.parametrize("state", [State.LOADING, State.DRAINING, State.STOPPING, State.FAILED])
    def test_of_others_only_an_event_can_tell(self, state: State) -> None:
        """A load has to end first."""
        assert None is evictable_at(
            model_state(state=state), PendingLoad("b", "request", NOW), waited_for(NOW - 9.0), NOW, cost=0.0
        )
