"""Requests: which are served, wait, fall back, or are refused."""

import pytest

from hostd.domain.errors import CapacityError, RequestError
from hostd.domain.reason import USUAL_REASONS, ExitClass, FallbackReason
from hostd.domain.ticket import Priority
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import Explain, Refuse, Serve
from hostd.scheduling.events import (
    AttemptFailed,
    ClientLeft,
    EngineKept,
    EngineStopped,
    Finished,
    ShutdownRequested,
    Ticked,
    UnloadRequested,
)
from tests.scheduling.scenario import Rehearsal, only, profile


def ready(*profiles: object, slots: int = 8) -> Rehearsal:
    """Return a rehearsal in which all *profiles* are loaded."""
    play = Rehearsal(*profiles)  # type: ignore[arg-type]  # spelled once for the tests
    play.warm(*play.scheduler.models, slots=slots)
    return play


class TestQueue:
    """Places and the order in which they are given."""

    def test_a_ready_model_with_a_place_serves_at_once(self) -> None:
        """The verdict is in the same turn as the arrival, and no deadline but the idle one is left behind."""
        play = ready(profile("a"))
        assert ["serve t1 by a"] == play.arrive("t1", now=5.0)
        assert Serve("t1", "a", 1, None, 0.0, 0.0) == play.last(Serve)
        assert "<Model a ready: 1/2 in flight, 0 queued>" == play.status()
        assert play.position("t1") is None

    @pytest.mark.parametrize(("allowed", "slots", "capacity"), [(2, 8, 2), (8, 3, 3), (1, 1, 1)])
    def test_capacity_is_the_smaller_of_max_concurrent_and_slots(self, allowed: int, slots: int, capacity: int) -> None:
        """What the owner allows counts only as far as the engine decodes together, and the other way round."""
        play = ready(profile("a", max_concurrent=allowed), slots=slots)
        served = [line for n in range(12) for line in play.arrive(f"t{n}")]
        assert [f"serve t{n} by a" for n in range(capacity)] == served
        assert f"<Model a ready: {capacity}/{capacity} in flight, {12 - capacity} queued>" == play.status()

    def test_the_rest_wait_in_order_and_know_their_position(self) -> None:
        """Positions count from 1 and close up; a place that becomes free goes to the head of the queue."""
        play = ready(profile("a", max_concurrent=1))
        for ticket_id in ("t1", "t2", "t3", "t4"):
            play.arrive(ticket_id)
        assert [("a", 1), ("a", 2), ("a", 3)] == [play.position(f"t{n}") for n in (2, 3, 4)]
        assert ["serve t2 by a"] == play.finish("t1", 3.0)
        assert 3.0 == play.last(Serve).waited
        assert [None, ("a", 1), ("a", 2)] == [play.position(f"t{n}") for n in (2, 3, 4)]

    def test_a_client_that_leaves_frees_its_place_at_once(self) -> None:
        """One that leaves the queue is skipped; one that leaves while served lets the next one in; later news is ignored."""
        play = ready(profile("a", max_concurrent=1))
        for ticket_id in ("t1", "t2", "t3"):
            play.arrive(ticket_id)
        assert [] == play.tell(ClientLeft("t2"))
        assert ("a", 1) == play.position("t3")
        assert ["serve t3 by a"] == play.tell(ClientLeft("t1"))
        for late in (ClientLeft("t2"), Finished("t1", 1.0), AttemptFailed("t1", FallbackReason.CRASHED, "late")):
            assert [] == play.tell(late)
        assert "<Model a ready: 1/1 in flight, 0 queued>" == play.status()
        assert [] == play.pass_time(40.0)

    def test_a_full_queue_refuses_with_the_time_to_come_back(self) -> None:
        """Without a fallback it is 429 queue_full, and Retry-After follows the measured service times."""
        play = ready(profile("a", max_concurrent=2, max_queue=3))
        play.arrive("t0")
        play.finish("t0", seconds=8.0)
        for n in range(1, 6):
            play.arrive(f"t{n}")
        assert ["refuse t6: queue_full"] == play.arrive("t6")
        error = play.last(Refuse).error
        assert (429, 8.0 * 4 / 2) == (error.status, error.retry_after)

    def test_a_full_queue_passes_on_to_a_fallback_that_takes_429(self) -> None:
        """A fallback whose reasons lack status_429 is left out."""
        play = ready(
            profile(
                "a",
                only("b", FallbackReason.CRASHED),
                only("c", FallbackReason.STATUS_429),
                max_concurrent=1,
                max_queue=0,
            ),
            profile("b"),
            profile("c"),
        )
        play.arrive("t1")
        assert ["serve t2 by c for status_429"] == play.arrive("t2")

    def test_an_unmeasured_model_guesses_and_stays_within_a_minute(self) -> None:
        """Retry-After is never under 1 nor over 60 seconds, whatever was measured."""
        waits = []
        for seconds in (0.01, 500.0):
            play = ready(profile("a", max_concurrent=1, max_queue=0))
            play.arrive("t1")
            play.finish("t1", seconds=seconds)
            play.arrive("t2")
            play.arrive("t3")
            waits.append(play.last(Refuse).error.retry_after)
        assert [1.0, 60.0] == waits


class TestFallback:
    """Moving on along the route."""

    def test_queue_time_moves_a_ticket_to_the_next_target(self) -> None:
        """After queue_timeout it is served elsewhere, with the reason, its whole wait and its first attempt."""
        play = ready(profile("a", "b", max_concurrent=1, queue_timeout=3.0), profile("b"))
        play.arrive("t1")
        play.arrive("t2", now=1.0)
        assert [] == play.pass_time(3.99)
        assert ["serve t2 by b for queue_timeout"] == play.pass_time(4.0)
        assert Serve("t2", "b", 1, FallbackReason.QUEUE_TIMEOUT, 3.0, 0.0) == play.last(Serve)
        assert ["fell_back", "routed"] == [one.decision.event for one in play.effects if isinstance(one, Explain)]

    def test_a_wait_in_vain_is_not_begun(self) -> None:
        """Where the queue will outlast the queue time, a target that is free takes the request at once; a busy one does not."""
        play = Rehearsal(profile("a", "b", max_concurrent=1, queue_timeout=10.0), profile("b", max_concurrent=1))
        play.warm("a", "b", slots=1)
        play.arrive("first")
        play.finish("first", seconds=6.0)
        play.arrive("1")
        assert [] == play.arrive("2"), "it waits for some six seconds"
        assert 6.0 == play.scheduler.position("2").seconds  # type: ignore[union-attr]
        assert ["serve 3 by b for queue_timeout"] == play.arrive("3")
        assert [] == play.arrive("4"), "b is busy now"
        assert ("a", 2) == play.position("4")
        assert "waiting for a (ready), position 2, about 12 s" == str(play.scheduler.position("4"))

    def test_a_wait_of_unknown_length_is_begun(self) -> None:
        """Before any answer was measured, and while the model loads, no request moves on for what nobody knows."""
        play = Rehearsal(profile("a", "b", max_concurrent=1, queue_timeout=1.0), profile("b"))
        play.warm("a", "b", slots=1)
        play.arrive("1")
        assert [] == play.arrive("2")
        assert "waiting for a (ready), position 1" == str(play.scheduler.position("2"))

    def test_clients_have_their_turns(self) -> None:
        """Whoever sends one request is not behind all of somebody else's; batch requests come after interactive ones, and age."""
        play = Rehearsal(profile("a", max_concurrent=1, queue_timeout=30.0))
        play.warm("a", slots=1)
        play.arrive("m1", client="many")
        play.arrive("batch", priority=Priority.BATCH)
        for name in ("m2", "m3", "m4", "m5"):
            play.arrive(name, client="many")
        play.arrive("few", client="few")
        order = []
        for number, name in enumerate(("m1", "m2", "few", "m3")):
            order += play.finish(name, 4.0 * number)
        assert ["m2", "few", "m3", "m4"] == [each.split()[1] for each in order]
        assert ["serve batch by a"] == play.finish("m4", 16.0), "it has waited half of its queue time"
        assert ["serve m5 by a"] == play.finish("batch", 17.0)

    def test_reasons_are_respected(self) -> None:
        """A target that takes no queue_timeout is passed over for one that does."""
        play = ready(
            profile("a", only("b", FallbackReason.CRASHED), only("c", FallbackReason.QUEUE_TIMEOUT), max_concurrent=1),
            profile("b"),
            profile("c"),
        )
        play.arrive("t1")
        play.arrive("t2")
        assert ["serve t2 by c for queue_timeout"] == play.pass_time(30.0)
        assert ["serve t1 by b for crashed"] == play.fail("t1", FallbackReason.CRASHED)

    def test_the_chain_is_walked_to_its_end(self) -> None:
        """A falls back to B and B to C: a ticket for A may end at C, and each queue gives it its own time."""
        play = ready(
            *(
                profile(name, *next_, max_concurrent=1, queue_timeout=2.0)
                for name, next_ in (("a", "b"), ("b", "c"), ("c", ""))
            )
        )
        for name in "abc":
            play.arrive(f"busy-{name}", name)
        play.arrive("t1")
        assert [] == play.pass_time(2.0)
        assert ("b", 1) == play.position("t1")
        assert [] == play.pass_time(4.0)
        assert ("c", 1) == play.position("t1")
        assert ["refuse t1: queue_timeout"] == play.pass_time(6.0)
        refusal = play.last(Refuse)
        assert (503, "c", 0, 6.0) == (refusal.error.status, refusal.model, refusal.attempts, refusal.waited)

    @pytest.mark.parametrize("reason", sorted(USUAL_REASONS - {FallbackReason.CONTEXT_TOO_LONG}))
    def test_a_failed_attempt_goes_on_with_its_reason(self, reason: FallbackReason) -> None:
        """Whatever failed a ticket before its first content byte, the next target says why it answers."""
        play = ready(profile("a", "b"), profile("b"))
        play.arrive("t1")
        assert [f"serve t1 by b for {reason}"] == play.fail("t1", reason)
        assert 2 == play.last(Serve).attempt

    def test_the_last_failure_is_the_answer_when_no_target_is_left(self) -> None:
        """After one more try. The refusal carries the code and the status of the failed attempt."""
        play = ready(profile("a"))
        play.arrive("t1")
        assert ["serve t1 by a"] == play.tell(AttemptFailed("t1", FallbackReason.STATUS_5XX, "status 500", 502))
        assert ["refuse t1: status_5xx"] == play.tell(AttemptFailed("t1", FallbackReason.STATUS_5XX, "status 500", 502))
        assert 502 == play.last(Refuse).error.status
        assert "<Model a ready: 0/2 in flight, 0 queued>" == play.status()

    def test_a_long_prompt_goes_only_to_a_larger_context(self) -> None:
        """A target with the same or an unknown context is passed over; with none left it is the client's error."""
        a, b, c = profile("a", "b", "c", context=4096), profile("b", context=4096), profile("c", context=8192)
        play = ready(a, b, c)
        play.arrive("t1")
        assert ["serve t1 by c for context_too_long"] == play.fail("t1", FallbackReason.CONTEXT_TOO_LONG)
        assert ["refuse t1: context_length_exceeded"] == play.fail("t1", FallbackReason.CONTEXT_TOO_LONG)
        assert RequestError is type(play.last(Refuse).error)

    def test_one_without_a_fallback_is_tried_once_more_after_a_crash(self) -> None:
        """It waits in front of everybody for the restarted engine; a second crash is its end."""
        play = ready(profile("a", max_concurrent=1))
        play.arrive("t1")
        play.arrive("t2")
        play.broke()
        assert [] == play.fail("t1", FallbackReason.CRASHED)
        assert [("a", 1), ("a", 2)] == [play.position("t1"), play.position("t2")]
        assert ["start a"] == play.pass_time(0.5)
        assert ["serve t1 by a"] == play.ready("a", 2.0)
        play.broke()
        assert ["refuse t1: crashed"] == play.fail("t1", FallbackReason.CRASHED)
        assert ("a", 1) == play.position("t2")

    def test_no_request_is_sent_to_an_engine_that_is_known_to_be_dead(self) -> None:
        """A request sees the crash before its instance reports it: those who wait stay, until the engine is back."""
        play = ready(profile("a", max_concurrent=1))
        for ticket_id in ("t1", "t2"):
            play.arrive(ticket_id)
        assert [] == play.fail("t1", FallbackReason.CRASHED)
        assert [] == play.arrive("t3")
        assert [] == play.broke()
        assert ["start a"] == play.pass_time(0.5)
        assert ["serve t1 by a"] == play.ready()

    def test_late_news_of_an_earlier_crash_does_not_shut_the_restarted_engine(self) -> None:
        """Only what was sent to the running engine can tell that it is dead."""
        play = ready(profile("a", max_concurrent=2))
        for ticket_id in ("t1", "t2"):
            play.arrive(ticket_id)
        play.broke()
        play.pass_time(0.5)
        play.ready()
        assert ["serve t1 by a"] == play.fail("t1", FallbackReason.CRASHED)
        assert ["serve t2 by a"] == play.fail("t2", FallbackReason.CRASHED)

    def test_a_lost_connection_is_tried_once_more_at_once(self) -> None:
        """An engine that lives gets the request again when no other target is open, and only once."""
        play = ready(profile("a"))
        play.arrive("t1")
        assert ["serve t1 by a"] == play.fail("t1", FallbackReason.CONNECT)
        assert ["refuse t1: connect"] == play.fail("t1", FallbackReason.CONNECT)


class TestColdModels:
    """Loading on demand."""

    def test_the_first_ticket_starts_a_cold_model_and_others_join(self) -> None:
        """There is one start for all who wait, and they are served in order when it is done."""
        play = Rehearsal(profile("a"))
        assert ["start a"] == play.arrive("t1")
        assert [] == play.arrive("t2", now=1.0)
        assert [] == play.arrive("t3", now=2.0)
        assert "<Model a loading: 0/0 in flight, 3 queued>" == play.status()
        assert ["serve t1 by a", "serve t2 by a"] == play.ready("a", 4.0, slots=4)
        assert Serve("t2", "a", 1, None, 3.0, 3.0) == play.last(Serve)
        assert "<Model a ready: 2/2 in flight, 1 queued>" == play.status()

    def test_the_wait_for_a_load_is_told_from_the_wait_for_a_place(self) -> None:
        """`loaded` is the part of `waited` that went into loading."""
        play = Rehearsal(profile("a", max_concurrent=1))
        play.arrive("t1")
        play.arrive("t2", now=1.0)
        play.ready("a", 4.0)
        play.finish("t1", 10.0)
        assert Serve("t2", "a", 1, None, 9.0, 3.0) == play.last(Serve)

    def test_a_cold_model_is_started_even_where_no_request_may_wait(self) -> None:
        """With max_queue 0 the request is refused, but the model is on its way for the next one."""
        play = Rehearsal(profile("a", max_queue=0))
        assert ["start a", "refuse t1: queue_full"] == play.arrive("t1")
        play.ready()
        assert ["serve t2 by a"] == play.arrive("t2")

    def test_a_failed_load_moves_or_refuses_everybody_who_waits(self) -> None:
        """Those with a fallback go there with load_failed, the others are refused with it."""
        play = Rehearsal(profile("a"), profile("b"), roles=())
        play.warm("b")
        play.arrive("t1")
        play.arrive("t2", now=1.0)
        assert ["refuse t1: load_failed", "refuse t2: load_failed"] == play.broke("a", 2.0)
        assert (503, "'a' could not be loaded: it said so") == (
            play.last(Refuse).error.status,
            play.last(Refuse).error.message,
        )
        moving = Rehearsal(profile("a", "b"), profile("b"))
        moving.warm("b")
        moving.arrive("t1")
        moving.arrive("t2", now=1.0)
        assert ["serve t1 by b for load_failed", "serve t2 by b for load_failed"] == moving.broke("a", 2.0)
        assert 1.0 == moving.last(Serve).loaded

    def test_out_of_memory_has_its_own_reason(self) -> None:
        """A target that takes only out_of_memory takes those whose model did not fit."""
        play = Rehearsal(profile("a", only("b", FallbackReason.OUT_OF_MEMORY)), profile("b"))
        play.warm("b")
        play.arrive("t1")
        assert ["serve t1 by b for out_of_memory"] == play.broke("a", exit_class=ExitClass.OUT_OF_MEMORY)

    def test_a_load_outlasts_the_queue_time_when_no_other_target_is_open(self) -> None:
        """The queue time of all who wait for it begins when the model is ready; who can still be served in time comes first."""
        play = Rehearsal(profile("a", max_concurrent=1, queue_timeout=10.0))
        for n, now in enumerate((0.0, 1.0, 95.0)):
            play.arrive(f"t{n}", now=now)
        assert [] == play.pass_time(99.0)
        assert ["serve t2 by a"] == play.ready("a", 100.0)
        assert [] == play.pass_time(109.9)
        assert ["refuse t0: queue_timeout", "refuse t1: queue_timeout"] == play.pass_time(110.0)

    def test_a_load_does_not_outlast_the_queue_time_when_another_target_is_open(self) -> None:
        """With a fallback the queue time holds while the model loads, and nothing is granted afterwards."""
        play = Rehearsal(profile("a", "b", max_concurrent=1, queue_timeout=10.0), profile("b"))
        play.warm("b")
        play.arrive("t1")
        play.arrive("t2", now=5.0)
        play.arrive("t3", now=6.0)
        assert ["serve t1 by b for queue_timeout"] == play.pass_time(10.0)
        assert ["serve t2 by a"] == play.ready("a", 14.0)
        assert ["serve t3 by b for queue_timeout"] == play.pass_time(16.0)


class TestWholeTime:
    """The time that a ticket has for everything."""

    def test_a_tickets_own_timeout_bounds_its_wait(self) -> None:
        """It is refused with 504 at that moment, although a fallback could take it."""
        play = ready(profile("a", "b", max_concurrent=1), profile("b"))
        play.arrive("t1")
        play.arrive("t2", timeout=2.5)
        assert [] == play.pass_time(2.4)
        assert ["refuse t2: timeout"] == play.pass_time(2.5)
        assert 504 == play.last(Refuse).error.status

    def test_total_timeout_bounds_a_patient_wait(self) -> None:
        """A load that never ends does not hold a ticket for ever; a longer x-hostd-timeout does not help it."""
        play = Rehearsal(profile("a", queue_timeout=10.0, total_timeout=60.0))
        play.arrive("t1", timeout=1000.0)
        assert [] == play.pass_time(59.9)
        assert ["refuse t1: timeout"] == play.pass_time(60.0)

    def test_a_late_tick_is_as_good_as_one_in_time(self) -> None:
        """The dispatcher may be late; then everything that is due is done in one turn, earliest first."""
        play = ready(profile("a", max_concurrent=1, queue_timeout=5.0))
        for n in range(3):
            play.arrive(f"t{n}", now=float(n))
        assert ["refuse t1: queue_timeout", "refuse t2: queue_timeout"] == play.tell(Ticked(), 100.0)


class TestClosing:
    """Going down."""

    def test_those_who_wait_and_those_who_come_are_refused(self) -> None:
        """Closing is 503 with a Retry-After, for everybody who is not being served."""
        play = ready(profile("a", max_concurrent=1))
        play.arrive("t1")
        play.arrive("t2")
        assert ["refuse t2: closing"] == play.tell(ShutdownRequested())
        assert ["refuse t3: closing"] == play.arrive("t3")
        error = play.last(Refuse).error
        assert (CapacityError, 503, 5.0) == (type(error), error.status, error.retry_after)

    def test_answers_under_way_end_before_their_engine_does(self) -> None:
        """Its last answer stops the engine; one that fails is refused, not moved."""
        play = ready(profile("a", "b"), profile("b"))
        play.arrive("t1")
        play.arrive("t2")
        assert ["stop b"] == play.tell(ShutdownRequested())
        assert ["refuse t1: stall"] == play.fail("t1", FallbackReason.STALL)
        assert ["stop a"] == play.finish("t2")
        assert [] == play.tell(EngineStopped("a")) + play.tell(EngineStopped("b"))
        assert "<Scheduler <Model a cold: 0/0 in flight, 0 queued> <Model b cold: 0/0 in flight, 0 queued>>" == repr(
            play.scheduler
        )
        assert play.scheduler.next_deadline() is None


def test_unloading_by_hand_does_not_strand_those_who_wait_for_a_restart() -> None:
    """A crashed model that is unloaded while tickets wait for it is started again for them."""
    play = ready(profile("a", max_concurrent=1))
    play.arrive("t1")
    play.arrive("t2")
    play.broke()
    assert ["start a"] == play.tell(UnloadRequested("a"))
    play.tell(ClientLeft("t1"))
    assert ["serve t2 by a"] == play.ready()


def test_an_engine_that_was_kept_is_started_without_a_load() -> None:
    """A request that waits for its model is served by it; its readiness says nothing about how long a load takes."""
    play = Rehearsal(profile("a"))
    play.scheduler.models["a"].options_known = False
    assert [] == play.arrive("t1")
    assert ["start a"] == play.tell(EngineKept("a", LoadOption(0, "a")))
    assert [] == play.tell(EngineKept("a", LoadOption(0, "a")))
    assert ["serve t1 by a"] == play.ready("a")
    assert None is play.scheduler.models["a"].load_seconds
    play.tell(ShutdownRequested())
    assert [] == play.tell(EngineKept("a", LoadOption(0, "a")))
