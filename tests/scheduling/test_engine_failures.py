"""What follows when an engine has failed: another variant, another try after a delay, or none."""

from hostd.domain.reason import ExitClass
from hostd.scheduling.effects import Refuse
from hostd.scheduling.events import Booted, EngineFailed
from hostd.scheduling.model_decisions import FailureHandled, LoadStarted
from hostd.scheduling.restart import GIVE_UP_AFTER, OWN_WANT_DELAY
from tests.scheduling.memory import CARD, Machine, fits
from tests.scheduling.scenario import Rehearsal, profile

SETTLED = 100.0
"""A time at which everything that was warmed at the beginning has been idle for long."""


def _two() -> Machine:
    """Return a card of 10 GiB on which 'a' is warm and idle, with a cold 'b' that fits beside it."""
    play = Machine({CARD: 10}, a=(fits(4.0),), b=(fits(6.0),))
    play.open(profile("a"), profile("b"))
    play.warm("a")
    play.now = SETTLED
    return play


class TestWantOfItsOwn:
    """hostd lacked descriptors, processes or memory of its own."""

    def test_it_closes_no_model(self) -> None:
        """However often: it is tried again soon, and does not count."""
        play = Rehearsal(profile("a", preload=True))
        play.tell(Booted())
        for _ in range(GIVE_UP_AFTER + 2):
            play.tell(EngineFailed("a", ExitClass.UNKNOWN, "hostd has none left", own_want=True))
            assert ["start a"] == play.pass_time(play.now + OWN_WANT_DELAY)
        assert (0, 0) == (play.scheduler.models["a"].restarts.streak, len(play.scheduler.models["a"].queue))

    def test_requests_are_told_when_to_come_again(self) -> None:
        """With the words, and not after minutes."""
        play = Rehearsal(profile("a"))
        play.arrive("t1")
        assert ["refuse t1: load_failed"] == play.tell(
            EngineFailed("a", ExitClass.UNKNOWN, "hostd has none left", own_want=True)
        )
        error = play.last(Refuse).error
        assert (503, OWN_WANT_DELAY) == (error.status, error.retry_after)
        assert "hostd has none left" in error.message
        assert ["start a"] == play.arrive("t2", now=OWN_WANT_DELAY)


class TestTooMuchForTheCard:
    """Memory runs out although it was counted."""

    def test_the_next_variant_is_tried_once(self) -> None:
        """No model is evicted for the smaller one where it fits."""
        play = Machine({CARD: 10}, a=(fits(4),), b=(fits(6), fits(5, 1), fits(4, 2)))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        assert ["check b", "start b"] == play.arrive("t1", "b", now=SETTLED)
        assert ["check b", "start b"] == play.broke("b", exit_class=ExitClass.OUT_OF_MEMORY)
        assert "v1" == play.said(LoadStarted)[-1].variant
        assert ["refuse t1: out_of_memory"] == play.broke("b", exit_class=ExitClass.OUT_OF_MEMORY)
        assert ([], "it said so") == (play.stops, play.said(FailureHandled)[-1].why)

    def test_without_another_variant_the_same_is_tried_once(self) -> None:
        """Another program may have had the memory for a moment."""
        play = _two()
        assert ["check b", "start b"] == play.arrive("t1", "b")
        assert ["check b", "start b"] == play.broke("b", exit_class=ExitClass.OUT_OF_MEMORY)
        assert ["refuse t1: out_of_memory"] == play.broke("b", exit_class=ExitClass.OUT_OF_MEMORY)

    def test_a_new_request_has_all_its_tries_again(self) -> None:
        """After the delay that every failed load has."""
        play = _two()
        play.arrive("t1", "b")
        for _ in range(2):
            play.broke("b", exit_class=ExitClass.OUT_OF_MEMORY)
        assert ["check b", "start b"] == play.arrive("t2", "b", now=SETTLED + 60.0)
        assert ["check b", "start b"] == play.broke("b", exit_class=ExitClass.OUT_OF_MEMORY)

    def test_the_minimum_goes_where_others_took_the_memory(self) -> None:
        """The measurement after the failure says what is lacking now."""
        play = Machine({CARD: 10}, a=(fits(2),), b=(fits(2),), c=(fits(6),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a", "b")
        assert ["check c", "start c"] == play.arrive("t1", "c", now=SETTLED)
        play.others[CARD] = 2.0
        assert ["check c", "stop a"] == play.broke("c", exit_class=ExitClass.OUT_OF_MEMORY)
        assert ["start c"] == play.gone("a")
