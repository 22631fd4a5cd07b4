"""Which models may be evicted at all."""

from hostd.domain.lifecycle import State
from hostd.scheduling.eviction_candidates import EvictionCandidates
from hostd.scheduling.pending_load import PendingLoad
from hostd.scheduling.weighed_model import WeighedModel
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import profile

LONG_AGO, NOW = 0.0, 1000.0


def full(**declared: bool) -> Machine:
    """Return a machine on which a, b (pinned) and c are loaded; d is not."""
    play = Machine({CARD: 24}, a=(fits(4),), b=(fits(4),), c=(fits(4),), d=(fits(20),))
    play.open(profile("a", **declared), profile("b", pinned=True), profile("c"), profile("d"))
    play.warm("a", "b", "c")
    play.now = NOW
    play.turn()
    return play


def candidates(play: Machine) -> EvictionCandidates:
    """Return the candidates of *play*."""
    return play.scheduler.engines.admission.candidates


def names(play: Machine, why: str) -> list[str]:
    """Return which models may be evicted for a load of d."""
    found = candidates(play).for_load(play.scheduler.models["d"], PendingLoad("d", why, NOW))
    return [each.name for each in found]


def test_neither_pinned_models_nor_those_without_memory_are_candidates() -> None:
    """Nor the model itself."""
    assert (["a", "c"], ("b",)) == (names(full(), "request"), candidates(full()).pinned())


def test_memory_that_is_being_released_is_not_freed_twice() -> None:
    """It counts as returning already."""
    play = full()
    play.scheduler.engines.ledger.stopping("c")
    assert ["a"] == names(play, "request")


def test_for_a_load_that_no_request_waits_for_the_warm_set_stays() -> None:
    """A request may have any."""
    play = full(preload=True)
    assert (["a", "c"], ["c"]) == (names(play, "request"), names(play, "window"))


def test_a_load_by_hand_evicts_idle_models_at_once_and_others_after_an_event() -> None:
    """Which is what a plan tells the owner."""
    play = full()
    play.arrive("1", "c", now=NOW)
    assert {"a": NOW, "c": None} == {each.name: each.evictable_at for each in candidates(play).by_hand(NOW)}


def test_candidates_are_told_with_their_cost_and_their_time() -> None:
    """In seconds from now; what only an event can tell has none."""
    play = full()
    play.arrive("1", "c", now=NOW)
    finder = candidates(play)
    found = list(finder.by_hand(NOW))
    assert [each for each in found if each.name == "a"] == finder.now(found)
    held, costs = {CARD: 4 * GIB}, {each.name: each.cost for each in found}
    assert (
        WeighedModel("a", costs["a"], 0.0, State.READY, 0, 0, held),
        WeighedModel("c", costs["c"], None, State.READY, 1, 0, held),
    ) == finder.weighed(found)
