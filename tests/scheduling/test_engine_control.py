"""Which engines run: boot, idleness, crashes, and the owner's hand."""

import pytest

from hostd.domain.reason import ExitClass, FallbackReason
from hostd.scheduling.effects import Refuse
from hostd.scheduling.engine_control import DRAIN_LIMIT
from hostd.scheduling.events import (
    Booted,
    ClientLeft,
    EngineStopped,
    LoadRequested,
    ShutdownRequested,
    UnloadRequested,
)
from hostd.scheduling.restart import COOL_DOWN, GIVE_UP_AFTER, GOOD_SERVICE, UNMENDED_COOL_DOWN
from hostd.scheduling.warm_policy import RETURN_EVERY
from tests.scheduling.scenario import Rehearsal, profile


class TestBoot:
    """Preload."""

    def test_models_are_preloaded_one_after_another_by_priority(self) -> None:
        """The most important first, names break ties, and the scheduler is settled when the last one is ready."""
        wanted = {"c": 50, "a": 50, "b": 90}
        play = Rehearsal(*(profile(name, preload=True, priority=n) for name, n in wanted.items()), profile("d"))
        assert not play.scheduler.view().settled
        assert ["start b"] == play.tell(Booted())
        assert ["start a"] == play.ready("b")
        assert ["start c"] == play.ready("a")
        assert not play.scheduler.view().settled
        assert [] == play.ready("c")
        assert play.scheduler.view().settled
        assert "<Model d cold: 0/0 in flight, 0 queued>" == play.status("d")

    def test_a_failed_preload_does_not_hold_up_the_next(self) -> None:
        """It is tried again after its delay, while the boot goes on and comes to its end."""
        play = Rehearsal(profile("a", preload=True), profile("b", preload=True))
        play.tell(Booted())
        assert ["start b"] == play.broke("a")
        assert ["start a"] == play.pass_time(0.5)
        play.ready("b")
        assert play.scheduler.view().settled

    def test_a_preload_that_is_unloaded_by_hand_does_not_hold_up_the_next(self) -> None:
        """The boot goes on once the engine is gone."""
        play = Rehearsal(profile("a", preload=True), profile("b", preload=True))
        play.tell(Booted())
        assert ["stop a"] == play.tell(UnloadRequested("a"))
        assert ["start b"] == play.tell(EngineStopped("a"))
        play.ready("b")
        assert play.scheduler.view().settled

    def test_a_request_may_overtake_the_boot(self) -> None:
        """A model that a request has started already is waited for, not started twice."""
        play = Rehearsal(profile("a", preload=True), profile("b", preload=True))
        assert ["start b"] == play.arrive("t1", "b")
        assert ["start a"] == play.tell(Booted())
        assert [] == play.ready("a")
        assert not play.scheduler.view().settled
        assert ["serve t1 by b"] == play.ready("b")
        assert play.scheduler.view().settled

    def test_what_is_ready_before_the_boot_is_not_waited_for(self) -> None:
        """The boot goes on to the next at once."""
        play = Rehearsal(profile("a", preload=True), profile("b", preload=True))
        play.warm("a")
        assert ["start b"] == play.tell(Booted())
        play.ready("b")
        assert play.scheduler.view().settled

    def test_a_boot_without_preload_is_settled_at_once(self) -> None:
        """There is nothing to wait for."""
        play = Rehearsal(profile("a"))
        assert [] == play.tell(Booted())
        assert play.scheduler.view().settled


class TestIdleness:
    """keep_alive."""

    def test_an_idle_model_is_unloaded_after_keep_alive(self) -> None:
        """The time counts from the load, or from the end of the last answer."""
        play = Rehearsal(profile("a", keep_alive=60.0))
        play.warm("a")
        play.arrive("t1", now=50.0)
        assert [] == play.pass_time(300.0)
        play.finish("t1", 300.0)
        assert [] == play.pass_time(359.9)
        assert ["stop a"] == play.pass_time(360.0)
        assert "<Model a stopping: 0/2 in flight, 0 queued>" == play.status()

    def test_use_in_the_meantime_puts_it_off(self) -> None:
        """Each answer starts the count anew, and one alarm is enough for all of them."""
        play = Rehearsal(profile("a", keep_alive=60.0))
        play.warm("a")
        for now in (10.0, 20.0, 45.0):
            play.arrive(f"t{now}", now=now)
            play.finish(f"t{now}", now + 1)
        assert 60.0 == play.scheduler.next_deadline()
        assert [] == play.pass_time(105.9)
        assert ["stop a"] == play.pass_time(106.0)

    @pytest.mark.parametrize(("hint", "goes"), [(600.0, 700.0), (5.0, 160.0), (0.0, 160.0)])
    def test_a_client_s_keep_alive_only_prolongs_its_stay(self, hint: float, goes: float) -> None:
        """No client decides for all others that the next one has to wait for a load."""
        play = Rehearsal(profile("a", keep_alive=60.0))
        play.warm("a")
        play.arrive("t1", now=99.0, keep_alive=hint)
        play.finish("t1", 100.0)
        assert [] == play.pass_time(goes - 0.1)
        assert ["stop a"] == play.pass_time(goes)

    def test_the_hint_of_the_last_client_counts(self) -> None:
        """One that asked for a long stay does not prolong it for those who come after it."""
        play = Rehearsal(profile("a", keep_alive=60.0))
        play.warm("a")
        play.arrive("t1", now=10.0, keep_alive=3600.0)
        play.finish("t1", 20.0)
        play.arrive("t2", now=30.0)
        play.finish("t2", 40.0)
        assert ["stop a"] == play.pass_time(100.0)

    def test_a_pinned_model_stays(self) -> None:
        """No deadline is even set."""
        play = Rehearsal(profile("a", keep_alive=60.0, pinned=True))
        play.warm("a")
        assert play.scheduler.next_deadline() is None

    def test_a_request_during_the_stop_starts_it_again(self) -> None:
        """It waits for the end of the old engine first."""
        play = Rehearsal(profile("a", keep_alive=60.0))
        play.warm("a")
        play.pass_time(60.0)
        assert [] == play.arrive("t1")
        assert ["start a"] == play.tell(EngineStopped("a"))
        assert ["serve t1 by a"] == play.ready()


class TestCrashes:
    """Restart, backoff, and the end of patience."""

    def test_each_crash_in_a_row_waits_twice_as_long(self) -> None:
        """0.5, 1, 2, 4 seconds; after the fifth the engine stays down."""
        play = Rehearsal(profile("a"))
        play.warm("a")
        delays = []
        while True:
            play.broke()
            at = play.scheduler.next_deadline()
            if at is None:
                break
            delays.append(at - play.now)
            assert ["start a"] == play.pass_time(at)
            play.ready()
        assert [0.5, 1.0, 2.0, 4.0] == delays
        assert GIVE_UP_AFTER == play.scheduler.models["a"].restarts.streak
        assert "<Model a failed: 0/0 in flight, 0 queued>" == play.status()

    def test_good_service_between_two_crashes_makes_forget_the_first(self) -> None:
        """The second delay is as short as the first."""
        play = Rehearsal(profile("a"))
        play.warm("a")
        play.broke()
        play.pass_time(0.5)
        play.ready()
        play.broke("a", 0.5 + GOOD_SERVICE)
        assert 0.5 == (play.scheduler.next_deadline() or 0.0) - play.now

    def test_a_crash_loop_refuses_everybody_and_says_when_to_come_back(self) -> None:
        """Those who wait are refused when it gives up, newcomers while it is closed; after the cool-down one may try."""
        play = self._crash_looping()
        assert ["refuse t1: crashed"] == play.arrive("t1")
        error = play.last(Refuse).error
        assert ("'a' keeps crashing: it said so", 60.0) == (error.message, error.retry_after)
        assert ["start a"] == play.arrive("t2", now=play.now + COOL_DOWN)
        assert ["refuse t2: load_failed"] == play.broke()

    def test_giving_up_sends_everybody_on(self) -> None:
        """The last crash of a loop moves or refuses those who had waited for a restart."""
        play = self._crash_looping(but=1)
        for ticket_id in ("t1", "t2", "t3"):
            play.arrive(ticket_id)
        assert ["refuse t3: crashed"] == play.broke()

    def test_loading_by_hand_resets_a_crash_loop(self) -> None:
        """The owner says that it is mended: it starts at once and has all its tries again."""
        play = self._crash_looping()
        assert ["start a"] == play.tell(LoadRequested("a", "asked"))
        play.ready()
        play.broke()
        assert 0.5 == (play.scheduler.next_deadline() or 0.0) - play.now

    def test_a_request_waits_for_a_restart_that_is_due(self) -> None:
        """It does not start the engine before its delay is over."""
        play = Rehearsal(profile("a"))
        play.warm("a")
        play.broke()
        assert [] == play.arrive("t1")
        assert ["start a"] == play.pass_time(0.5)
        assert ["serve t1 by a"] == play.ready()

    @pytest.mark.parametrize("exit_class", [ExitClass.BAD_FLAG, ExitClass.MISSING_FILE])
    def test_what_does_not_mend_itself_is_not_tried_again_at_once(self, exit_class: ExitClass) -> None:
        """A wrong flag or a missing file waits for a request after a while, or for the owner."""
        play = Rehearsal(profile("a", preload=True))
        play.tell(Booted())
        play.broke("a", exit_class=exit_class)
        assert ["refuse t1: load_failed"] == play.arrive("t1", now=UNMENDED_COOL_DOWN - 0.1)
        assert ["start a"] == play.arrive("t2", now=UNMENDED_COOL_DOWN)

    @pytest.mark.parametrize("exit_class", list(ExitClass))
    def test_what_should_be_warm_comes_back_by_itself(self, exit_class: ExitClass) -> None:
        """Whatever it failed from, and without a request: nobody may be there to see it."""
        play = Rehearsal(profile("a", preload=True))
        play.tell(Booted())
        play.broke("a", exit_class=exit_class)
        while play.scheduler.models["a"].restarts.again_at is not None:
            play.pass_time(play.scheduler.models["a"].restarts.again_at)
            play.broke("a", exit_class=exit_class)
        assert "<Model a failed: 0/0 in flight, 0 queued>" == play.status()
        assert [] == play.pass_time(play.now + COOL_DOWN - 0.1)
        assert ["start a"] == play.pass_time(play.now + RETURN_EVERY)

    def test_a_load_that_is_no_preload_is_tried_again_only_on_request(self) -> None:
        """Its delay closes the door; the first request after it opens it."""
        play = Rehearsal(profile("a"))
        play.arrive("t1")
        assert ["refuse t1: load_failed"] == play.broke()
        assert play.scheduler.next_deadline() is None
        assert ["refuse t2: load_failed"] == play.arrive("t2", now=0.4)
        assert ["start a"] == play.arrive("t3", now=0.5)

    @staticmethod
    def _crash_looping(but: int = 0) -> Rehearsal:
        """Return a rehearsal in which 'a' has crashed until it gave up, *but* for so many crashes."""
        play = Rehearsal(profile("a"))
        play.warm("a")
        for _ in range(GIVE_UP_AFTER - but):
            play.broke()
            play.pass_time(play.scheduler.next_deadline() or play.now)
            if str(play.scheduler.models["a"].state) == "loading":
                play.ready()
        return play


class TestUnloading:
    """Stops that are asked for."""

    def test_answers_under_way_are_let_finish(self) -> None:
        """No new request is served while they do; the last of them stops the engine."""
        play = self._draining()
        assert "<Model a draining: 2/2 in flight, 0 queued>" == play.status()
        assert [] == play.finish("t1")
        assert ["stop a"] == play.tell(ClientLeft("t2"))
        assert [] == play.tell(EngineStopped("a"))
        assert "<Model a cold: 0/0 in flight, 0 queued>" == play.status()

    def test_they_have_until_the_drain_limit(self) -> None:
        """Then the engine is stopped all the same."""
        play = self._draining()
        assert [] == play.pass_time(DRAIN_LIMIT - 0.1)
        assert ["stop a"] == play.pass_time(DRAIN_LIMIT)
        assert "<Model a stopping: 2/2 in flight, 0 queued>" == play.status()

    def test_an_engine_that_crashes_while_it_drains_is_not_restarted(self) -> None:
        """It was to stop; now it has."""
        play = self._draining()
        assert [] == play.broke()
        assert "<Model a cold: 2/0 in flight, 0 queued>" == play.status()
        assert play.scheduler.next_deadline() is None

    def test_a_request_that_comes_while_it_drains_has_it_loaded_again(self) -> None:
        """It waits for the end of the old engine, and then for the new one."""
        play = self._draining()
        assert [] == play.arrive("t3")
        play.finish("t1")
        assert ["stop a"] == play.finish("t2")
        assert ["start a"] == play.tell(EngineStopped("a"))
        assert ["serve t3 by a"] == play.ready()

    def test_loading_by_hand_while_it_stops_has_it_loaded_again(self) -> None:
        """The last word counts, in both directions."""
        play = self._draining()
        play.pass_time(DRAIN_LIMIT)
        assert [] == play.tell(LoadRequested("a", "asked"))
        assert ["start a"] == play.tell(EngineStopped("a"))
        play.tell(UnloadRequested("a"))
        play.tell(LoadRequested("a", "asked"))
        play.tell(UnloadRequested("a"))
        assert [] == play.tell(EngineStopped("a"))

    def test_a_load_under_way_can_be_called_off(self) -> None:
        """Its readiness comes too late to count, and its failure is no crash."""
        play = Rehearsal(profile("a"))
        play.tell(LoadRequested("a", "asked"))
        assert ["stop a"] == play.tell(UnloadRequested("a"))
        assert [] == play.ready()
        assert [] == play.broke()
        assert "<Model a cold: 0/0 in flight, 0 queued>" == play.status()
        assert 0 == play.scheduler.models["a"].restarts.total

    def test_unloading_a_failed_model_forgets_its_failures(self) -> None:
        """No restart follows, and the next request starts it at once."""
        play = Rehearsal(profile("a"))
        play.warm("a")
        play.broke()
        assert [] == play.tell(UnloadRequested("a"))
        assert play.scheduler.next_deadline() is None
        assert ["start a"] == play.arrive("t1")

    def test_unloading_what_is_cold_does_nothing(self) -> None:
        """There is nothing to stop."""
        assert [] == Rehearsal(profile("a")).tell(UnloadRequested("a"))

    @staticmethod
    def _draining() -> Rehearsal:
        """Return a rehearsal in which 'a' is unloaded by hand while it answers t1 and t2."""
        play = Rehearsal(profile("a"))
        play.warm("a")
        play.arrive("t1")
        play.arrive("t2")
        assert [] == play.tell(UnloadRequested("a"))
        return play


class TestClosing:
    """Going down."""

    def test_every_engine_is_stopped_in_whatever_state(self) -> None:
        """Loading and idle ones at once, busy ones when they are done, failed ones are forgotten; the boot ends."""
        play = Rehearsal(*(profile(name) for name in "abcd"), profile("e", preload=True), profile("f", preload=True))
        play.warm("a", "b", "c")
        play.arrive("t1", "b")
        play.broke("c")
        play.tell(Booted())
        assert ["stop a", "stop e"] == play.tell(ShutdownRequested())
        assert ["stop b"] == play.finish("t1")
        for name in "abe":
            assert [] == play.tell(EngineStopped(name))
        assert [] == play.pass_time(1000.0)
        assert {"cold"} == {str(model.state) for model in play.scheduler.models.values()}

    def test_nothing_is_started_any_more(self) -> None:
        """Neither by hand, nor by the boot, nor for one that crashed, nor for one that is tried once more."""
        play = Rehearsal(profile("a", preload=True), profile("b", preload=True))
        play.warm("a")
        play.arrive("t1")
        assert [] == play.tell(ShutdownRequested())
        assert [] == play.tell(LoadRequested("b", "asked"))
        assert [] == play.tell(LoadRequested("a", "asked"))
        assert [] == play.tell(Booted())
        assert [] == play.broke()
        assert ["refuse t1: crashed"] == play.fail("t1", FallbackReason.CRASHED)
        assert [] == play.pass_time(1000.0)
