"""Admission of loads: which models are evicted for which, what waits how long, and what can never fit.

Loads take a second here as far as the scheduler has measured, except where a test says otherwise.
"""

from dataclasses import replace

import pytest

from hostd.domain.footprint import ElasticMemory
from hostd.domain.lifecycle import State
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.elastic import GUARDED
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import (
    ClientLeft,
    EngineSlept,
    EngineStopped,
    LoadOptionsChanged,
    LoadRequested,
    ShutdownRequested,
    UnloadRequested,
)
from hostd.scheduling.eviction_timing import IDLE_BEFORE_OPTIONAL_EVICTION, LINGER, WAIT_LOADS, WAIT_TIMEOUTS
from hostd.scheduling.model_decisions import (
    Evicted,
    FailureHandled,
    InsufficientMemory,
    LoadDeferred,
    LoadStarted,
    Slept,
    VariantSkipped,
    WaitingForMemory,
)
from hostd.scheduling.warm_policy import RETURN_EVERY
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import profile
from tests.scheduling.stateful import Lively

SETTLED = 100.0
"""A time at which everything that was warmed at the beginning has been idle for long."""

WAIT = WAIT_LOADS * (1.0 + 4.0)
"""Seconds for which a busy model that took one to load stays open beside a request that waits for one of four."""


def two(first: float = 6.0, second: float = 6.0, **more: int) -> Machine:
    """Return a card of 10 GiB on which 'a' is warm and idle, with a cold 'b' that does not fit beside it."""
    play = Machine({CARD: 10}, a=(fits(first),), b=(fits(second),))
    play.open(profile("a"), profile("b", **more))
    play.warm("a")
    play.now = SETTLED
    return play


def busy(play: Machine, *names: str) -> None:
    """Let each of these models begin an answer."""
    for name in names:
        assert [f"serve at {name} by {name}"] == play.arrive(f"at {name}", name)


def elastic(gib: float) -> LoadOption:
    """Return a choice that needs so much, and may use as much as it gets besides."""
    return replace(fits(gib), elastic=(ElasticMemory("cache", (CARD,), GIB, 100),))


class TestShares:
    """Of memory beyond what models need."""

    def loaded(self, play: Machine, name: str) -> LoadOption:
        """Return what a model is loaded with."""
        option = play.scheduler.models[name].option
        assert option is not None
        return option

    def test_a_model_that_loads_again_gets_the_share_that_is_left_by_then(self) -> None:
        """Half of what is beside it at first, and less once a model that was not known has come; then both stay."""
        play = Machine({CARD: 20}, a=(elastic(4),))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        assert {"cache": 8} == self.loaded(play, "a").shares
        play.tell(LoadOptionsChanged("b", (fits(10),)))
        play.arrive("t1", "b", now=SETTLED)
        assert ["a"] == play.stops
        play.gone("a")
        play.ready("b")
        play.arrive("t2", "a")
        play.ready("a")
        assert {"cache": 3} == self.loaded(play, "a").shares
        assert ["a"] == play.stops
        assert {CARD: 3 * GIB} == play.scheduler.engines.ledger.free()

    def test_a_share_leaves_room_for_every_model_that_is_known(self) -> None:
        """So that no other has to go for it."""
        play = Machine({CARD: 20}, a=(elastic(4),), b=(fits(10),))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        assert {"cache": 3} == self.loaded(play, "a").shares
        play.arrive("t1", "b", now=SETTLED)
        assert [] == play.stops

    def test_a_share_never_costs_a_second_model_its_place(self) -> None:
        """Beside either of two models of 4 GiB, one of 14 leaves 2 of 20: with shares of 3 for each, both would have to go."""
        play = Machine({CARD: 20}, a=(elastic(4),), b=(elastic(4),), c=(fits(14),))
        play.open(profile("a"), profile("b"), profile("c"))
        play.warm("a", "b")
        assert [{"cache": 2}, {"cache": 2}] == [self.loaded(play, name).shares for name in "ab"]
        play.arrive("t1", "c", now=SETTLED)
        assert 1 == len(play.stops)
        play.gone(play.stops[0])
        assert "c" == play.starts[-1]
        assert {CARD: 0} == play.scheduler.engines.ledger.free()

    def test_the_models_that_are_asked_for_are_guarded_first(self) -> None:
        """Of more than can be guarded, one that has requests comes before those that have none."""
        rest = {f"r{number}": (fits(1),) for number in range(GUARDED)}
        play = Machine({CARD: 20}, a=(elastic(4),), z=(fits(16),), **rest)
        play.open(profile("a"), profile("z"), *(profile(name) for name in rest))
        play.arrive("t1", "z")
        play.ready("z")
        play.finish("t1")
        play.tell(UnloadRequested("z"))
        play.gone("z")
        play.warm("a")
        assert {"cache": 0} == self.loaded(play, "a").shares


class TestWithRoom:
    """When everything fits."""

    def test_a_load_is_checked_and_begins(self) -> None:
        """No model is evicted."""
        play = two(4.0, 4.0)
        assert ["check b", "start b"] == play.arrive("t1", "b")
        assert ["serve t1 by b"] == play.ready("b")
        assert [] == play.stops
        assert {CARD: 2 * GIB} == play.scheduler.engines.ledger.free()

    def test_a_variant_that_fits_without_an_eviction_is_better_than_an_eviction(self) -> None:
        """While the going costs more than the step down is worth it is not taken; here it is cheap, so 'a' goes."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6), fits(3, 1)))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        assert ["check b", "stop a"] == play.arrive("t1", "b", now=SETTLED)

    def test_a_step_down_is_better_than_a_dear_going(self) -> None:
        """Half a minute of another model's load is worth a variant."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6), fits(3, 1)))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        play.scheduler.models["a"].load_seconds = 120.0
        play.turn(now=SETTLED, a=900.0)
        assert ["check b", "check b", "start b"] == play.arrive("t1", "b", now=SETTLED)
        assert "v1" == play.said(LoadStarted)[-1].variant

    def test_a_load_tells_what_could_not_be_foreseen(self) -> None:
        """It begins at once, and what it is seen to hold counts from then on."""
        play = Machine({CARD: 10}, b=(fits(6),))
        play.open(profile("a"), profile("b"))
        assert ["start a"] == play.arrive("t1", "a")
        play.held["a"] = {CARD: 7 * GIB}
        play.ready("a")
        assert {CARD: 3 * GIB} == play.scheduler.engines.ledger.free()


class TestWhatMustFail:
    """A load that cannot succeed evicts no model."""

    @pytest.mark.parametrize("trouble", [ExitClass.BAD_FLAG, ExitClass.MISSING_FILE])
    def test_a_bad_flag_or_a_missing_file_evicts_no_model(self, trouble: ExitClass) -> None:
        """Those who wait are told what the check has found."""
        play = two()
        play.broken["b", 0] = trouble
        assert ["check b", "refuse t1: load_failed"] == play.arrive("t1", "b")
        assert ([], "<Model a ready: 0/2 in flight, 0 queued>") == (play.stops, play.status("a"))
        assert "it said so" == play.said(FailureHandled)[-1].why

    def test_the_next_variant_is_checked_before_anybody_goes(self) -> None:
        """And the one after it; only the last one evicts."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(5), fits(7, 1), fits(6, 2)))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        play.broken = {("b", 0): ExitClass.MISSING_FILE, ("b", 1): ExitClass.BAD_FLAG}
        assert ["check b", "check b", "check b", "stop a"] == play.arrive("t1", "b", now=SETTLED)
        assert ["v0", "v1"] == [said.tried for said in play.said(VariantSkipped)]
        assert ["start b"] == play.gone("a")
        assert "v2" == play.said(LoadStarted)[-1].variant

    def test_what_can_never_fit_moves_on_to_the_fallback_and_evicts_no_model(self) -> None:
        """With the reason, and the numbers of what is lacking."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(12),))
        play.open(profile("a"), profile("b", "a"))
        play.warm("a")
        assert ["check b", "serve t1 by a for out_of_memory"] == play.arrive("t1", "b", now=SETTLED)
        assert ({CARD: 2 * GIB}, []) == (play.said(InsufficientMemory)[-1].short, play.stops)

    def test_of_several_variants_each_says_what_is_wrong(self) -> None:
        """Those that were tried, in their order, and those that could not even be tried."""
        play = Machine({CARD: 10}, a=(fits(4), fits(3, 1)))
        play.open(profile("a"))
        play.tell(LoadOptionsChanged("a", (fits(4), fits(3, 1)), "left out: v2: run: hostd pull v2"))
        play.broken = {("a", 0): ExitClass.MISSING_FILE, ("a", 1): ExitClass.BAD_FLAG}
        play.why = {("a", 0): "no file v0", ("a", 1): "no flag v1"}
        play.arrive("t1", "a")
        said = "no file v0; no flag v1; left out: v2: run: hostd pull v2"
        assert f"'a' could not be loaded: {said}" == play.refusals[-1].error.message
        assert said == play.scheduler.models["a"].last_error

    def test_a_refusal_names_what_is_in_the_way(self) -> None:
        """What is lacking, who is pinned, and what other programs hold."""
        play = Machine({CARD: 10}, a=(fits(4),), b=(fits(5),))
        play.open(profile("a", pinned=True), profile("b"))
        play.warm("a")
        play.others[CARD] = 2.0
        assert ["check b", "refuse t1: out_of_memory"] == play.arrive("t1", "b", now=SETTLED)
        assert (
            "'b' cannot be loaded: it lacks 1.0 GiB of cuda:0 even if every model that may go has gone; "
            "models may hold 8.0 GiB of cuda:0 in all (memory.reserve in hostd.yaml says what is left to others); "
            "a is pinned; other programs hold 2.0 GiB of cuda:0"
        ) == play.refusals[-1].error.message

    def test_room_that_others_give_back_is_room(self) -> None:
        """A refusal is no verdict for ever."""
        play = two(6.0, 9.0)
        play.others[CARD] = 2.0
        assert ["check b", "refuse t1: out_of_memory"] == play.arrive("t1", "b")
        play.others[CARD] = 0.0
        assert ["check b", "stop a"] == play.arrive("t2", "b")


class TestWhatIsMerelyWanted:
    """Loads that no request waits for."""

    def test_its_refusal_is_told_with_the_numbers(self) -> None:
        """What it needs, what is free, and what it lacks even after those who have been idle for a while."""
        play = two()
        busy(play, "a")
        assert ["check b"] == play.turn("b")
        needs, free, short = ({CARD: count * GIB} for count in (6, 4, 2))
        assert [LoadDeferred("b", "window", "v0", needs, free, short)] == play.said(LoadDeferred)
        assert (
            "it lacks 2.0 GiB of cuda:0 beside the models that are in use, and comes up in quieter times"
            == play.scheduler.models["b"].last_error
        )

    def test_the_same_numbers_are_told_once(self) -> None:
        """Until they change, or it was there meanwhile."""
        play = two()
        busy(play, "a")
        for _ in range(3):
            play.turn("b")
        assert 1 == len(play.said(LoadDeferred))
        play.others[CARD] = 1.0
        play.measure()
        play.turn("b")
        assert [2 * GIB, 3 * GIB] == [said.short[CARD] for said in play.said(LoadDeferred)]

    def test_without_room_nothing_is_checked_again_and_again(self) -> None:
        """Its return is looked at in the ledger, and checked once there is room."""
        play = two()
        busy(play, "a")
        play.turn("b")
        assert [] == play.pass_time(SETTLED + 1000.0)
        play.finish("at a")
        assert ["check b", "stop a"] == play.pass_time(SETTLED + 1000.0 + IDLE_BEFORE_OPTIONAL_EVICTION + RETURN_EVERY)
        assert ["start b"] == play.gone("a")


class TestWhoGoes:
    """Victims."""

    def test_the_cheapest_goes_and_its_price_is_told(self) -> None:
        """The one without requests; the decision has the numbers of all."""
        play = Machine({CARD: 10}, a=(fits(4),), b=(fits(4),), c=(fits(4),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a", "b")
        play.turn(now=SETTLED, a=360.0)
        assert ["check c", "stop b"] == play.arrive("t1", "c", now=SETTLED)
        told = play.said(Evicted)[-1]
        assert ("b", "c", "request", 0.01) == (told.model, told.for_model, told.why, round(told.cost_s, 2))
        assert ({CARD: 4 * GIB}, {CARD: 2 * GIB}) == (told.needs, told.free)
        costs = {each.model: (round(each.cost_s, 2), each.free_in_s) for each in told.candidates}
        assert {"a": (1.26, 0.0), "b": (0.01, 0.0)} == costs

    def test_a_pinned_one_never_goes(self) -> None:
        """The dearer one is evicted, or none."""
        play = Machine({CARD: 10}, a=(fits(4),), b=(fits(4),), c=(fits(4),), d=(fits(7),))
        play.open(profile("a", pinned=True), profile("b"), profile("c"), profile("d"))
        play.warm("a", "b")
        assert ["check c", "stop b"] == play.arrive("t1", "c", now=SETTLED)
        assert ["check d", "refuse t2: out_of_memory"] == play.arrive("t2", "d")

    def test_no_model_more_than_needed_goes(self) -> None:
        """One of three is enough."""
        play = Machine({CARD: 9}, a=(fits(3),), b=(fits(3),), c=(fits(3),), d=(fits(3),))
        play.open(*(profile(name) for name in "abcd"))
        play.warm("a", "b", "c")
        assert ["check d", "stop a"] == play.arrive("t1", "d", now=SETTLED)

    def test_no_model_is_evicted_from_a_card_that_has_enough(self) -> None:
        """However cheap it is."""
        play = Machine({CARD: 10, "cuda:1": 10}, a=(fits(6, pool="cuda:1"),), b=(fits(6),), c=(fits(6),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a", "b")
        play.turn(now=SETTLED, b=900.0)
        assert ["check c", "stop b"] == play.arrive("t1", "c", now=SETTLED)

    def test_one_that_wakes_cheaply_sleeps_instead(self) -> None:
        """Its engine stays; what it kept is counted, and it wakes where it would have to be loaded."""
        play = Lively({CARD: 10, "ram": 32}, sleep_levels=(1, 2), a=(fits(6),), b=(fits(6),))
        play.open(profile("a"), profile("b"))
        play.run(300.0, [(0.0, "t1", "a"), (100.0, "t2", "b"), (200.0, "t3", "a")])
        assert (["a", "b"], []) == ([model for _, model in play.loads], play.stops)
        assert 1 == play.said(Slept)[0].level
        assert {"ram": 6 * GIB} == {p: n for p, n in play.scheduler.engines.ledger.held("b").items() if n}
        assert pytest.approx(0.6, abs=0.1) == play.waited["t3"]

    def test_it_sleeps_deeply_where_main_memory_is_short(self) -> None:
        """The light level would keep its weights there."""
        play = Lively({CARD: 10, "ram": 4}, sleep_levels=(1, 2), a=(fits(6),), b=(fits(6),))
        play.open(profile("a"), profile("b"))
        play.run(150.0, [(0.0, "t1", "a"), (100.0, "t2", "b")])
        assert (2, {}) == (play.said(Slept)[0].level, play.said(Slept)[0].keeps)


class TestBusyModels:
    """Answers are never cut for another model."""

    def test_a_busy_one_stays_open_for_some_loads_of_both(self) -> None:
        """The wait is told with the time at which it may go, and the alarm rings then."""
        play = two(queue_timeout=1000)
        play.tell(UnloadRequested("a"))
        play.gone("a")
        play.warm("a")
        busy(play, "a")
        assert ["check b"] == play.arrive("t1", "b")
        (told,) = play.said(WaitingForMemory)
        assert [pytest.approx(WAIT), ("a",), 1, 0] == [told.until_s, told.victims, told.queued, told.late]
        assert [] == play.pass_time(SETTLED + WAIT - 0.1)
        assert "ready" == play.scheduler.models["a"].reported_state
        assert [] == play.pass_time(SETTLED + WAIT)
        assert "draining" == play.scheduler.models["a"].reported_state

    def test_then_it_is_closed_to_newcomers_and_goes_when_it_has_finished(self) -> None:
        """However long its answers take."""
        play = two(queue_timeout=1000)
        busy(play, "a")
        assert ["check b"] == play.arrive("t1", "b")
        play.pass_time(SETTLED + WAIT)
        assert [] == play.arrive("t2", "a", now=SETTLED + WAIT + 1.0)
        assert [] == play.pass_time(SETTLED + 300.0)
        assert ["stop a"] == play.finish("at a")
        # A request that arrived meanwhile is next.
        assert ["check a", "start b"] == play.gone("a")
        assert ["serve t1 by b"] == play.ready("b")

    def test_it_resumes_when_no_request_waits_for_the_other_any_more(self) -> None:
        """Requests that arrived meanwhile are served."""
        play = two()
        busy(play, "a")
        play.arrive("t1", "b")
        play.pass_time(SETTLED + WAIT)
        play.arrive("t2", "a", now=SETTLED + WAIT + 1.0)
        assert ["serve t2 by a"] == play.tell(ClientLeft("t1"))
        assert ("<Model a ready: 2/2 in flight, 0 queued>", "<Model b cold: 0/0 in flight, 0 queued>") == (
            play.status("a"),
            play.status("b"),
        )
        assert [] == play.stops

    def test_it_still_drains_when_another_load_needs_its_memory_too(self) -> None:
        """Of two claims to it one is given up; those who came meanwhile are not let in before the other is met."""
        play = Machine({CARD: 10}, a=(fits(8),), b=(fits(4),), c=(fits(4),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a")
        play.now = SETTLED
        busy(play, "a")
        play.arrive("t1", "b")
        play.arrive("t2", "c")
        play.pass_time(SETTLED + WAIT)
        assert [("a", "b"), ("a", "c")] == [(said.model, said.for_model) for said in play.said(Evicted)]
        play.arrive("late", "a", now=SETTLED + WAIT + 1.0)
        assert [] == play.tell(ClientLeft("t1"))
        assert ("draining", 2) == (play.scheduler.models["a"].reported_state, len(play.said(Evicted)))
        assert ["stop a"] == play.finish("at a")
        assert "start c" in play.gone("a")

    def test_of_two_idle_goes_before_busy(self) -> None:
        """Although it is dearer, where the busy one has not stayed for long."""
        play = Machine({CARD: 10}, a=(fits(4),), b=(fits(4),), c=(fits(4),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a")
        play.now = SETTLED
        play.warm("b")
        busy(play, "b")
        play.turn(a=60.0)
        assert ["check c", "stop a"] == play.arrive("t1", "c")

    def test_one_that_was_unloaded_by_hand_while_it_drains_does_not_resume(self) -> None:
        """The owner wanted its memory back, whatever becomes of the other."""
        play = two()
        busy(play, "a")
        play.arrive("t1", "b")
        assert [] == play.tell(UnloadRequested("a"))
        assert [] == play.tell(ClientLeft("t1"))
        assert ["stop a"] == play.finish("at a")

    @pytest.mark.parametrize("names", ["ab", "ba"])
    def test_closing_ends_a_drain_that_makes_room(self, names: str) -> None:
        """It is not resumed by the end of the claim, and has the time that everybody has to finish."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(*(profile(name) for name in names))
        play.warm("a")
        play.now = SETTLED
        busy(play, "a")
        play.arrive("t1", "b")
        assert ["refuse t1: closing"] == play.tell(ShutdownRequested())
        assert ["stop a"] == play.pass_time(SETTLED + 1000.0)
        play.gone("a")
        assert {State.COLD} == {model.state for model in play.scheduler.models.values()}


class TestInTurn:
    """Claims beside one another."""

    def test_what_another_load_takes_only_while_it_lasts_is_waited_for(self) -> None:
        """No request is refused and no model evicted for a few seconds' sake."""
        play = Machine({CARD: 10}, a=(fits(6, peak=1),), b=(fits(4),))
        play.open(profile("a", preload=True, pinned=True), profile("b"))
        assert ["check b"] == play.arrive("t1", "b")
        assert ["start b"] == play.ready("a")

    def test_small_loads_go_on_beside_a_big_one_that_waits(self) -> None:
        """What is free is no use to the big one yet."""
        play = Machine({CARD: 10}, a=(fits(6),), big=(fits(8),), small=(fits(2),))
        play.open(profile("a"), profile("big"), profile("small"))
        play.warm("a")
        busy(play, "a")
        assert ["check big"] == play.arrive("t1", "big")
        assert ["check small", "start small"] == play.arrive("t2", "small")

    def test_a_later_claim_does_not_take_what_an_earlier_one_has_made_free(self) -> None:
        """Not even where it would fit first."""
        play = Machine({CARD: 10}, a=(fits(5),), b=(fits(5),), big=(fits(10),), small=(fits(2),))
        play.open(*(profile(name) for name in ("a", "b", "big", "small")))
        play.warm("a", "b")
        assert ["check big", "stop a", "stop b"] == play.arrive("t1", "big", now=SETTLED)
        assert [] == play.gone("a")
        assert ["check small"] == play.arrive("t2", "small")
        assert ["start big"] == play.gone("b")
        assert ["serve t1 by big"] == play.ready("big")

    def test_no_model_is_evicted_for_memory_that_is_returning_anyway(self) -> None:
        """A second load waits for memory that no other will use."""
        play = Machine({CARD: 10}, a=(fits(5),), b=(fits(5),), c=(fits(2),), d=(fits(2),))
        play.open(*(profile(name) for name in "abcd"))
        play.warm("a", "b")
        assert ["check c", "stop a"] == play.arrive("t1", "c", now=SETTLED)
        assert ["check d"] == play.arrive("t2", "d")
        assert ["start c", "start d"] == sorted(play.gone("a"))
        assert ["a"] == play.stops

    def test_a_stream_of_small_ones_does_not_keep_a_big_one_out(self) -> None:
        """It is served within some of its queue timeouts, though another model is always busy."""
        names = ("s0", "s1", "s2", "s3", "s4", "s5")
        play = Lively({CARD: 10}, service=1.0, big=(fits(9, seconds=4.0),))
        play.choices |= {name: (fits(3, seconds=2.0),) for name in names}
        play.open(profile("big"), *(profile(name) for name in names))
        stream = [(0.25 * n, f"t{n}", names[n % 6]) for n in range(1200)]
        play.run(400.0, [*stream, (60.0, "large", "big")])
        assert WAIT_TIMEOUTS * 30.0 > play.waited["large"]

    def test_the_owner_s_hand_is_as_urgent_as_a_request(self) -> None:
        """An idle model goes for it at once, however young."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        assert ["check b", "stop a"] == play.tell(LoadRequested("b", "asked"))
        assert ["start b"] == play.gone("a")

    def test_who_waits_overtakes_what_is_merely_wanted(self) -> None:
        """The boot's load gives way to a request, and is not forgotten."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(5),), c=(fits(3),))
        play.open(profile("a"), profile("b", preload=True), profile("c"), boot=False)
        play.warm("a")
        play.turn("b")
        assert [] == [name for name in play.starts if name == "b"]
        assert ["check c", "start c"] == play.arrive("t1", "c")


class TestReturnedMemory:
    """What was promised comes back, or does not."""

    def test_it_is_promised_only_when_it_was_seen(self) -> None:
        """The engine's end alone starts no other."""
        play = two()
        play.arrive("t1", "b")
        play.held.clear()
        assert [] == super(Machine, play).tell(EngineStopped("a"))
        assert ["start b"] == play.measure()

    def test_of_a_sleeper_it_is_promised_only_when_it_was_seen(self) -> None:
        """That it sleeps starts no other, and no other model is evicted for memory that is returning."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),), c=(fits(3),))
        play.open(profile("a"), profile("b"), profile("c"))
        play.warm("a", "c")
        play.scheduler.models["a"].sleep_levels = (1, 2)
        assert ["check b", "sleep a"] == play.arrive("t1", "b", now=SETTLED)
        play.held["a"] = {}
        assert [] == super(Machine, play).tell(EngineSlept("a"))
        assert [] == play.pass_time(SETTLED + 60.0)
        assert ["start b"] == play.measure()

    def test_what_a_sleeper_keeps_is_its_own_when_it_wakes(self) -> None:
        """It is not kept from waking by its own remains, but by what others hold."""
        play = Machine({CARD: 10, "ram": 8}, a=(fits(6, ram=5),), b=(fits(6, ram=1),))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        play.scheduler.models["a"].sleep_levels = (1, 2)
        play.arrive("t1", "b", now=SETTLED)
        play.held["a"] = {"ram": 6 * GIB}
        assert ["start b"] == play.tell(EngineSlept("a"))
        play.ready("b")
        play.finish("t1")
        play.tell(UnloadRequested("b"))
        play.gone("b")
        assert {"ram": 2 * GIB, CARD: 10 * GIB} == play.scheduler.engines.ledger.free()
        play.others["ram"] = 4.0
        play.measure()
        assert ["refuse t2: out_of_memory"] == play.arrive("t2", "a")
        assert {"ram": 1 * GIB} == play.said(InsufficientMemory)[-1].short
        play.others["ram"] = 0.0
        play.measure()
        assert ["wake a"] == play.arrive("t3", "a")
        assert {"ram": 3 * GIB, CARD: 4 * GIB} == play.scheduler.engines.ledger.free()

    def test_where_others_took_it_more_goes(self) -> None:
        """The next cheapest."""
        play = Machine({CARD: 10}, a=(fits(5),), b=(fits(5),), c=(fits(5),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a", "b")
        play.turn(now=SETTLED, b=60.0)
        assert ["check c", "stop a"] == play.arrive("t1", "c", now=SETTLED)
        play.others[CARD] = 4.0
        assert ["stop b"] == play.gone("a")
        assert ["start c"] == play.gone("b")

    def test_where_nothing_more_can_go_it_is_refused_with_the_numbers(self) -> None:
        """And the fallback takes those who wait."""
        play = two()
        play.arrive("t1", "b")
        play.others[CARD] = 5.0
        assert ["refuse t1: out_of_memory"] == play.gone("a")
        assert {CARD: 1 * GIB} == play.said(InsufficientMemory)[-1].short

    def test_where_a_model_is_busy_it_waits(self) -> None:
        """Until they may be closed."""
        play = Machine({CARD: 10}, a=(fits(5),), b=(fits(5),), c=(fits(5),))
        play.open(*(profile(name) for name in "abc"))
        play.warm("a")
        play.now = SETTLED
        play.warm("b")
        busy(play, "b")
        assert ["check c", "stop a"] == play.arrive("t1", "c")
        play.others[CARD] = 4.0
        assert [] == play.gone("a")
        play.others[CARD] = 0.0
        assert ["start c"] == play.measure()


class TestComingBack:
    """A crashed model whose memory another one took before its restart."""

    @staticmethod
    def _robbed(**more: bool) -> Machine:
        """Return a machine on which 'a' has crashed, and 'b' answers in its memory when its restart is due."""
        play = Machine({CARD: 10}, a=(fits(6.0),), b=(fits(6.0),))
        play.open(profile("a", **more), profile("b"))
        play.warm("a")
        play.now = SETTLED
        play.broke("a")
        assert ["check b", "start b"] == play.arrive("t1", "b")
        assert ["serve t1 by b"] == play.ready("b")
        assert ["check a"] == play.pass_time(SETTLED + 1.0)
        assert ["a"] == [each.model for each in play.said(LoadDeferred)]
        return play

    def test_a_request_has_it_loaded(self) -> None:
        """A restart that is refused for want of memory is over: no request waits for it."""
        play = self._robbed()
        play.finish("t1")
        play.tell(UnloadRequested("b"))
        play.gone("b")
        assert ["check a", "start a"] == play.arrive("t2", "a")

    def test_it_takes_its_turn_while_the_other_is_used(self) -> None:
        """As a cold model would."""
        play = self._robbed()
        play.arrive("t2", "a")
        assert [] == play.finish("t1")
        assert ["stop b"] == play.pass_time(play.now + LINGER)
        play.gone("b")
        assert "a" == play.starts[-1]

    def test_what_should_be_warm_comes_back_when_there_is_memory(self) -> None:
        """Without a request for it."""
        play = self._robbed(preload=True)
        play.finish("t1")
        play.tell(UnloadRequested("b"))
        play.gone("b")
        assert ["check a", "start a"] == play.pass_time(play.now + RETURN_EVERY)

    def test_a_client_that_leaves_does_not_end_its_return(self) -> None:
        """Its load for the request is over then; the plan goes on to want it."""
        play = self._robbed(preload=True)
        play.arrive("t2", "a")
        play.pass_time(play.now + RETURN_EVERY)
        play.tell(ClientLeft("t2"))
        play.finish("t1")
        play.tell(UnloadRequested("b"))
        play.gone("b")
        assert ["check a", "start a"] == play.pass_time(play.now + RETURN_EVERY)

    def test_a_request_that_may_not_wait_has_it_loaded_for_the_next(self) -> None:
        """With max_queue: 0 none ever waits, and the load must not be given up for that."""
        play = Machine({CARD: 10}, a=(fits(6.0),))
        play.open(profile("a", max_queue=0))
        assert ["check a", "refuse t1: queue_full", "start a"] == play.arrive("t1", "a")
        play.ready("a")
        assert ["serve t2 by a"] == play.arrive("t2", "a")
