"""Crashes that are charged to requests: who is suspected, who is refused, and what innocents notice of it."""

import pytest

from hostd.domain.errors import RequestError
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.scheduling.decisions import RequestSuspected
from hostd.scheduling.effects import Explain, Refuse
from hostd.scheduling.events import ClientLeft
from hostd.scheduling.model_decisions import FailureHandled
from hostd.scheduling.request_failures import CAUSE_KNOWN
from hostd.scheduling.restart import GIVE_UP_AFTER
from hostd.scheduling.suspects import CHARGED_IN_A_ROW, MOST_REMEMBERED, REFUSED_FOR, Suspects
from tests.scheduling.scenario import Rehearsal, profile

CRASHED = FallbackReason.CRASHED
REFUSED = "request_crashed_engine"


def warm(**more: int) -> Rehearsal:
    """Return two loaded models, of which the second is the first one's fallback."""
    play = Rehearsal(profile("a", "b", **more), profile("b"))
    play.warm("a", "b")
    return play


def crash(play: Rehearsal, *tickets: str) -> list[str]:
    """Let the engine of 'a' crash of itself while it reads these requests, whose digests are their first letters."""
    for ticket in tickets:
        assert [] == play.fail(ticket, CRASHED, digest=ticket[0])
    return play.broke("a", self_inflicted=True)


def restart(play: Rehearsal) -> list[str]:
    """Let the next engine of 'a' become ready; return what follows."""
    assert ["start a"] == play.pass_time(play.now + 0.5)
    return play.ready("a")


class TestAlone:
    """One request was being read when the engine died."""

    def test_it_gets_no_second_engine(self) -> None:
        """Its fallback goes on to answer others; it is told what happened and what to do."""
        play = warm()
        play.arrive("p1")
        assert [f"refuse p1: {REFUSED}"] == crash(play, "p1")
        error = play.last(Refuse).error
        assert isinstance(error, RequestError)
        assert 422 == error.status
        assert all(part in error.message for part in ("'a'", "it said so", "300 s", "Change it"))

    def test_nor_when_it_is_sent_again(self) -> None:
        """To whatever model, for some minutes; a changed one is served, and so is the same one after that."""
        play = warm()
        play.arrive("p1")
        crash(play, "p1")
        assert [f"refuse p2: {REFUSED}"] == play.arrive("p2", "b", digest="p")
        assert ["serve q1 by b"] == play.arrive("q1", "b", digest="q")
        play.pass_time(play.now + REFUSED_FOR - 0.5)
        assert [f"refuse p3: {REFUSED}"] == play.arrive("p3", "b", digest="p")
        play.pass_time(play.now + 0.5)
        assert ["serve p4 by b"] == play.arrive("p4", "b", digest="p")
        assert not play.scheduler.refuses_by_digest

    def test_its_crash_is_no_failure_of_the_model(self) -> None:
        """Different ones may follow one another without closing it, and each next engine is started as after a first crash."""
        play = warm()
        for number in range(GIVE_UP_AFTER + 3):
            play.arrive(f"{number}")
            assert [f"refuse {number}: {REFUSED}"] == crash(play, str(number))
            handled = [effect.decision for effect in play.effects if isinstance(effect, Explain)]
            (failure,) = (each for each in handled if isinstance(each, FailureHandled))
            assert (0, 0.5, (str(number),)) == (failure.in_a_row, failure.again_in_s, failure.charged_to)
            restart(play)
        assert ["serve i1 by a"] == play.arrive("i1")

    def test_an_engine_that_crashes_at_every_prompt_is_at_fault_itself(self) -> None:
        """Then it counts, requests move to their fallback, and the model is closed as for any other crash loop."""
        play = warm()
        for number in range(CHARGED_IN_A_ROW):
            play.arrive(chr(97 + number))
            crash(play, chr(97 + number))
            restart(play)
        for number in range(GIVE_UP_AFTER):
            play.arrive(f"{number}")
            assert [f"serve {number} by b for crashed"] == crash(play, str(number))
            play.finish(str(number))
            play.pass_time(play.scheduler.models["a"].restarts.again_at or play.now)
            if str(play.scheduler.models["a"].state) == "loading":
                play.ready("a")
        assert ["serve i1 by b for crashed"] == play.arrive("i1")

    def test_an_answer_shows_that_the_engine_is_sound(self) -> None:
        """From then on crashes are charged to requests again."""
        play = warm()
        for number in range(CHARGED_IN_A_ROW):
            play.arrive(chr(97 + number))
            crash(play, chr(97 + number))
            restart(play)
        play.arrive("i1")
        play.finish("i1")
        play.arrive("p1")
        assert [f"refuse p1: {REFUSED}"] == crash(play, "p1")

    def test_what_died_of_something_else_has_its_requests_moved_on(self) -> None:
        """Memory, a signal from outside, a card: the next engine will not die of the request."""
        play = warm()
        play.arrive("i1")
        assert [] == play.fail("i1", CRASHED, digest="i")
        assert ["serve i1 by b for crashed"] == play.broke("a", exit_class=ExitClass.OUT_OF_MEMORY)
        assert 1 == play.scheduler.models["a"].restarts.streak

    def test_one_that_was_never_read_is_no_suspect(self) -> None:
        """Nor one that was being answered: such requests have no digest."""
        play = warm()
        play.arrive("i1")
        assert ["serve i1 by b for crashed"] == play.fail("i1", CRASHED)
        play.broke("a", self_inflicted=True)
        assert not play.scheduler.refuses_by_digest
        assert 1 == play.scheduler.models["a"].restarts.streak


class TestInCompany:
    """Several requests were being read, of which one is the cause."""

    def test_the_second_crash_tells_which_it_is(self) -> None:
        """They are tried again one at a time, so that the others are answered and it takes two engines down at most."""
        play = Rehearsal(profile("a", max_concurrent=4))
        play.warm("a")
        for ticket in ("i1", "p1", "j1"):
            play.arrive(ticket)
        assert [] == crash(play, "i1", "p1", "j1")
        suspected = [each for each in play.explained() if isinstance(each, RequestSuspected)]
        assert [(False, 1, None)] * 3 == [(each.alone, each.engines, each.refused_for_s) for each in suspected]
        served = restart(play)
        assert 1 == len(served)
        rest = ["j1", "p1", "i1"]
        while served == [f"serve {rest[0]} by a"] and rest[0] != "p1":
            served = play.finish(rest.pop(0))
        assert ["serve p1 by a"] == served
        assert [f"refuse p1: {REFUSED}"] == crash(play, "p1")
        assert ["serve i1 by a"] == restart(play)

    def test_a_suspect_is_charged_before_newcomers(self) -> None:
        """Who came after the first crash is no cause of it."""
        play = Rehearsal(profile("a", max_concurrent=4))
        play.warm("a")
        play.arrive("i1")
        play.arrive("p1")
        crash(play, "i1", "p1")
        first = restart(play)[0].split()[1]
        play.arrive("n1", digest="n")
        play.pass_time(play.now + 1.0)
        other = "i1" if first == "p1" else "p1"
        assert [] == play.fail(first, CRASHED, digest=first[0])
        said = play.broke("a", self_inflicted=True)
        assert [f"refuse {first}: {REFUSED}"] == said
        assert other in {request.ticket.id for request in play.scheduler.models["a"].queue}

    def test_who_has_not_reported_yet_may_have_been_read_too(self) -> None:
        """So that the one that has is not the cause for sure."""
        play = warm(max_concurrent=4)
        play.arrive("i1")
        play.arrive("j1")
        assert ["serve i1 by b for crashed"] == crash(play, "i1")


class TestHanging:
    """An engine that computes without an end is ended by its watchdog when those who waited for it may have gone."""

    def test_the_one_that_had_left_is_remembered(self) -> None:
        """It is refused when it comes again."""
        play = warm()
        play.arrive("p1")
        play.tell(ClientLeft("p1", "p"))
        play.broke("a", self_inflicted=True)
        assert [f"refuse p2: {REFUSED}"] == play.arrive("p2", digest="p")
        assert 0 == play.scheduler.models["a"].restarts.streak

    def test_one_that_ran_out_of_time_moves_on_first(self) -> None:
        """Whether the engine hangs is not known by then."""
        play = warm()
        play.arrive("p1")
        assert ["serve p1 by b for first_token_timeout"] == play.fail(
            "p1", FallbackReason.FIRST_TOKEN_TIMEOUT, digest="p"
        )
        play.broke("a", self_inflicted=True)
        assert [f"refuse p2: {REFUSED}"] == play.arrive("p2", digest="p")

    @pytest.mark.parametrize("answered", [True, False])
    def test_an_answer_in_between_clears_it(self, *, answered: bool) -> None:
        """An engine that answered others after it was not hung by it."""
        play = warm()
        play.arrive("i1")
        play.tell(ClientLeft("i1", "i"))
        play.arrive("j1")
        play.finish("j1") if answered else play.tell(ClientLeft("j1"))
        play.broke("a", self_inflicted=True)
        assert answered != play.scheduler.refuses_by_digest


class TestWaitingForTheCause:
    """A request sees its engine's death before the instance has told its cause."""

    def test_a_client_that_leaves_is_forgotten(self) -> None:
        """And keeps nobody waiting."""
        play = warm()
        play.arrive("p1")
        play.fail("p1", CRASHED, digest="p")
        assert [] == play.tell(ClientLeft("p1"))
        assert [] == play.broke("a", self_inflicted=True)
        assert play.scheduler.models["a"].idle

    def test_it_does_not_wait_for_ever(self) -> None:
        """A process that hangs in a driver may take minutes to be gone."""
        play = warm()
        play.arrive("p1")
        play.fail("p1", CRASHED, digest="p")
        assert [] == play.pass_time(play.now + CAUSE_KNOWN - 0.1)
        assert ["serve p1 by b for crashed"] == play.pass_time(play.now + CAUSE_KNOWN)


def test_the_memory_of_suspects_is_bounded() -> None:
    """The oldest are forgotten first."""
    suspects = Suspects()
    for number in range(MOST_REMEMBERED + 10):
        suspects.charge(str(number), 0.0, "it crashed", certain=True)
    assert MOST_REMEMBERED == len(suspects.by_digest)
    assert suspects.known("9", 0.0) is None
    assert suspects.known("10", 0.0) is not None
