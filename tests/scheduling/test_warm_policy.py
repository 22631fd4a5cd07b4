"""Keeping warm: what should be loaded, what of it fits together, and when it comes back."""

from hostd.domain.reason import ExitClass
from hostd.scheduling.events import (
    Booted,
    ClientLeft,
    Event,
    LoadOptionsChanged,
    LoadRequested,
    ScheduleChanged,
    UnloadRequested,
)
from hostd.scheduling.eviction_timing import IDLE_BEFORE_OPTIONAL_EVICTION
from hostd.scheduling.model_decisions import LoadDeferred, LoadStarted, Slept, WakeStarted, WarmPlanned
from hostd.scheduling.warm_policy import RETURN_EVERY
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import profile
from tests.scheduling.stateful import Lively


def acts(said: list[str]) -> list[str]:
    """Return what is done, without the looks at whether it could be."""
    return [line for line in said if not line.startswith("check")]


class TestBoot:
    """What is loaded when the daemon comes up."""

    def test_what_should_be_warm_is_loaded_in_order_of_value(self) -> None:
        """Pinned ones, then by priority, then by name; one after another, each checked first. To be pinned alone loads nothing."""
        wanted = {"a": 50, "b": 90, "c": 10}
        play = Machine({CARD: 16}, **{name: (fits(3),) for name in "abcde"})
        models = [profile(name, preload=True, priority=n) for name, n in wanted.items()]
        play.open(*models, profile("d", preload=True, pinned=True, priority=0), profile("e", pinned=True))
        for name in "dbac":
            assert name == play.starts[-1]
            play.ready(name)
        assert (["d", "b", "a", "c"], True) == (play.starts, play.scheduler.view().settled)

    def test_what_does_not_fit_is_left_out_with_its_reason(self) -> None:
        """The boot settles without it, and no model is evicted for it."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        assert ["check a", "start a"] == play.open(profile("a", preload=True, priority=60), profile("b", preload=True))
        assert [] == play.ready("a")
        assert play.scheduler.view().settled
        assert ({"b"}, True) == (
            set(play.scheduler.engines.warm_policy.left_out),
            play.scheduler.engines.warm_policy.proved,
        )
        told = [said for said in play.said(WarmPlanned) if not said.warm]
        assert [("b", play.scheduler.engines.warm_policy.left_out["b"])] == [(said.model, said.why) for said in told]
        assert "a" in str(told[0].why)

    def test_a_plan_is_told_where_it_says_something_else_than_before(self) -> None:
        """Not where a model of it was measured and needs a little more or less; of one that is left out, what it lacks."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a", preload=True, priority=60), profile("b", preload=True))
        play.ready("a")
        assert ["a", "b"] == [each.model for each in play.said(WarmPlanned)]
        play.tell(LoadOptionsChanged("a", (fits(5),)))
        play.tell(LoadOptionsChanged("a", (fits(4),)))
        assert [("b", False), ("b", True)] == [(each.model, each.warm) for each in play.said(WarmPlanned)][2:]

    def test_of_two_variants_the_one_that_leaves_room_for_the_other_model_is_loaded(self) -> None:
        """The plan looks at all of them together."""
        play = Machine({CARD: 10}, a=(fits(8), fits(5, 1)), b=(fits(5),))
        play.open(profile("a", preload=True), profile("b", preload=True))
        assert "v1" == play.said(LoadStarted)[-1].variant
        play.ready("a")
        assert ["a", "b"] == play.starts

    def test_a_load_that_must_fail_does_not_hold_up_the_boot(self) -> None:
        """The next one follows."""
        play = Machine({CARD: 16}, a=(fits(3),), b=(fits(3),))
        play.broken["a", 0] = ExitClass.MISSING_FILE
        play.open(profile("a", preload=True), profile("b", preload=True))
        play.ready("b")
        assert (["b"], True) == (play.starts, play.scheduler.view().settled)

    def test_where_others_hold_the_memory_the_boot_settles(self) -> None:
        """The refusal is told once with its numbers; nothing is checked in vain, and the model comes up when they give it up."""
        play = Machine({CARD: 10}, a=(fits(6),))
        play.open(profile("a", preload=True), boot=False)
        play.others[CARD] = 9.0
        assert ["check a"] == play.tell(Booted())
        assert play.scheduler.view().settled
        needs, free, short = ({CARD: count * GIB} for count in (6, 1, 5))
        assert [LoadDeferred("a", "preload", "v0", needs, free, short)] == play.said(LoadDeferred)
        assert "other programs hold 9.0 GiB" in str(play.scheduler.models["a"].last_error)
        assert [] == play.pass_time(10 * RETURN_EVERY)
        play.others[CARD] = 0.0
        play.measure()
        assert ["check a", "start a"] == play.pass_time(11 * RETURN_EVERY)
        assert 1 == len(play.said(LoadDeferred))

    def test_an_appraisal_that_comes_later_makes_a_new_plan(self) -> None:
        """What could not be foreseen at first is planned with then."""
        play = Machine({CARD: 10})
        play.open(profile("a", preload=True, priority=60), profile("b", preload=True), boot=False)
        play.tell(LoadOptionsChanged("a", (fits(6),)))
        play.tell(LoadOptionsChanged("b", (fits(6),)))
        play.tell(Booted())
        assert {"b"} == set(play.scheduler.engines.warm_policy.left_out)
        play.tell(LoadOptionsChanged("b", (fits(3),)))
        assert ({}, {"a", "b"}) == (
            play.scheduler.engines.warm_policy.left_out,
            set(play.scheduler.engines.warm_policy.declared),
        )

    def test_what_fits_since_a_measurement_has_narrowed_it_comes_up_in_quiet_times(self) -> None:
        """It was left out at the boot, and no request has to ask for it."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a", preload=True, priority=60), profile("b", preload=True))
        play.ready("a")
        assert [] == play.pass_time(1000.0)
        assert [] == play.tell(LoadOptionsChanged("a", (fits(4),)))
        play.held["a"] = {CARD: 4 * GIB}
        play.measure()
        assert ["check b", "start b"] == play.pass_time(1000.0 + RETURN_EVERY)
        assert [] == play.ready("b")
        assert [] == play.pass_time(1500.0)

    def test_before_the_boot_no_plan_loads_anybody(self) -> None:
        """Options arrive while the daemon boots."""
        play = Machine({CARD: 10}, a=(fits(6),))
        play.open(profile("a", preload=True), boot=False)
        play.tell(LoadOptionsChanged("a", (fits(4),)))
        assert ([], []) == (play.pass_time(100.0), play.turn())

    def test_among_equals_what_is_there_stays(self) -> None:
        """No model is loaded in the place of one that is worth as much; one that is worth more is."""
        for there, other in ("ab", "ba"):
            for demand, expected in ((5.0, []), (7.0, [f"check {other}", f"stop {there}"])):
                play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
                play.open(profile("a", keep_alive=3600.0), profile("b", keep_alive=3600.0))
                play.scheduler.models[other].load_seconds = 1.0
                play.warm(there)
                assert expected == play.turn(now=100.0, **{there: 5.0, other: demand})


class TestWindows:
    """Hours of the week."""

    def test_a_boot_inside_a_window_loads_the_model(self) -> None:
        """The calendar is told before the boot, or after it."""
        events: list[Event] = [ScheduleChanged(frozenset("a")), Booted()]
        for order in (events, events[::-1]):
            play = Machine({CARD: 10}, a=(fits(6),))
            play.open(profile("a"), boot=False)
            assert ["check a", "start a"] == [said for event in order for said in play.tell(event)]

    def test_idle_time_counts_again_when_it_ends(self) -> None:
        """Not while it is open."""
        play = Machine({CARD: 10}, a=(fits(6),))
        play.open(profile("a", keep_alive=60.0))
        play.turn("a")
        play.ready("a")
        assert [] == play.pass_time(10_000.0)
        assert [] == play.turn()
        assert [] == play.pass_time(10_059.9)
        assert ["stop a"] == play.pass_time(10_060.0)

    def test_what_the_owner_unloads_inside_a_window_stays_away(self) -> None:
        """Until the next turn of the calendar wants it."""
        play = Machine({CARD: 10}, a=(fits(6),))
        play.open(profile("a"))
        play.turn("a")
        play.ready("a")
        play.tell(UnloadRequested("a"))
        play.gone("a")
        assert [] == play.pass_time(10_000.0)

    def test_no_model_in_use_is_evicted_for_a_window(self) -> None:
        """Only who has been idle for a while; the rest is tried again later."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a"), profile("b"))
        play.warm("b")
        play.now = IDLE_BEFORE_OPTIONAL_EVICTION - 1.0
        assert ["check a"] == play.turn("a")
        assert ["check a", "stop b"] == play.pass_time(IDLE_BEFORE_OPTIONAL_EVICTION + RETURN_EVERY)
        assert ["start a"] == play.gone("b")


class TestDemand:
    """What weeks before have taught."""

    def test_it_brings_a_model_up(self) -> None:
        """From one request an hour on; and keeps it."""
        play = Machine({CARD: 10}, a=(fits(3),), b=(fits(3),))
        play.open(profile("a", keep_alive=60.0), profile("b"))
        assert ["check a", "start a"] == play.turn(a=1.0, b=0.9)
        play.ready("a")
        assert [] == play.pass_time(3600.0)

    def test_when_it_ends_idle_time_counts_again(self) -> None:
        """From then on."""
        play = Machine({CARD: 10}, a=(fits(3),))
        play.open(profile("a", keep_alive=60.0))
        play.turn(a=5.0)
        play.ready("a")
        play.turn(now=3600.0)
        assert ["stop a"] == play.pass_time(3660.0)

    def test_one_that_a_new_plan_has_no_place_for_goes_when_it_has_been_idle(self) -> None:
        """Also where the plan is new because more is known of another model."""
        play = Machine({CARD: 10}, a=(fits(6),))
        play.open(profile("a", keep_alive=60.0), profile("b", priority=90))
        play.tell(LoadOptionsChanged("b", (fits(12),)))
        play.turn(a=5.0, b=5.0)
        play.ready("a")
        assert [] == play.pass_time(1000.0)
        play.tell(LoadOptionsChanged("b", (fits(7),)))
        assert {"b"} == set(play.scheduler.engines.warm_policy.declared)
        assert ["stop a"] == acts(play.pass_time(1000.0 + max(60.0, RETURN_EVERY)))

    def test_of_two_that_do_not_fit_the_one_that_saves_more_waiting_is_warm(self) -> None:
        """Requests an hour times seconds to load."""
        play = Machine({CARD: 10}, a=(fits(6, seconds=4.0),), b=(fits(6, seconds=40.0),))
        play.open(profile("a"), profile("b"))
        assert ["check b", "start b"] == play.turn(a=20.0, b=10.0)


class TestComingBack:
    """After a burst."""

    def test_a_model_of_the_plan_comes_back_when_the_guest_has_been_idle(self) -> None:
        """And the guest goes for it."""
        play = Lively({CARD: 10}, a=(fits(6),), guest=(fits(6),))
        play.open(profile("a", preload=True), profile("guest"))
        play.run(1000.0, [(100.0 + n, f"t{n}", "guest") for n in range(60)])
        assert ["a", "guest", "a"] == [model for _, model in play.loads]
        back = play.loads[-1][0]
        assert (
            160.0 + IDLE_BEFORE_OPTIONAL_EVICTION - 1.0
            <= back
            <= 160.0 + IDLE_BEFORE_OPTIONAL_EVICTION + 2 * RETURN_EVERY
        )

    def test_it_comes_back_beside_the_guest_where_both_fit(self) -> None:
        """As soon as it is looked at again."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(3),), c=(fits(4),))
        play.open(profile("a", preload=True), profile("b"), profile("c"))
        play.ready("a")
        play.others[CARD] = 2.0
        assert ["check c", "stop a"] == play.arrive("t1", "c", now=100.0)
        play.gone("a")
        play.ready("c")
        play.finish("t1")
        play.others[CARD] = 0.0
        play.measure()
        assert ["check a", "start a"] == play.pass_time(100.0 + RETURN_EVERY)

    def test_models_of_the_plan_do_not_push_each_other_out(self) -> None:
        """What returns takes nothing from what should be warm as well."""
        play = Machine({CARD: 10}, a=(fits(5),), b=(fits(5),), c=(fits(5),))
        play.open(profile("a", preload=True), profile("b", preload=True), profile("c"))
        play.ready("a")
        play.ready("b")
        play.arrive("t1", "c", now=100.0)
        play.gone("a")
        play.ready("c")
        play.pass_time(300.0)
        assert ["a"] == play.stops
        play.finish("t1")
        assert ["stop c"] == acts(play.pass_time(300.0 + IDLE_BEFORE_OPTIONAL_EVICTION + RETURN_EVERY))
        assert ["start a"] == play.gone("c")

    def test_a_crowd_that_comes_before_its_return_has_it_loaded_at_once(self) -> None:
        """A request waits now; and if it leaves, the model is still loaded again."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a", preload=True), profile("b"))
        play.ready("a")
        play.arrive("t1", "b", now=100.0)
        play.gone("a")
        play.ready("b")
        assert ["check a"] == play.arrive("t2", "a", now=101.0)
        assert [] == play.tell(ClientLeft("t2"))
        play.finish("t1")
        assert ["stop b"] == acts(play.pass_time(101.0 + IDLE_BEFORE_OPTIONAL_EVICTION + RETURN_EVERY))

    def test_what_the_owner_sent_away_does_not_come_back(self) -> None:
        """Not even after it was evicted for a request."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(3),))
        play.open(profile("a", preload=True), profile("b"))
        play.ready("a")
        play.others[CARD] = 2.0
        play.arrive("t1", "b", now=100.0)
        play.gone("a")
        play.ready("b")
        play.tell(UnloadRequested("a"))
        play.others[CARD] = 0.0
        assert [] == play.pass_time(1000.0)

    def test_what_the_owner_loads_by_hand_counts_as_there(self) -> None:
        """No return follows."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a", preload=True), profile("b"))
        play.ready("a")
        play.tell(LoadRequested("b", "asked"), 100.0)
        play.gone("a")
        play.ready("b")
        play.tell(LoadRequested("a", "asked"))
        play.gone("b")
        play.ready("a")
        assert [] == play.pass_time(1000.0)
        assert {CARD: 4 * GIB} == play.scheduler.engines.ledger.free()


class TestSleepers:
    """Models that sleep instead of going."""

    def test_one_that_wakes_more_slowly_than_it_loads_goes_for_good_the_next_time(self) -> None:
        """What was measured decides."""
        play = Lively({CARD: 10, "ram": 64}, sleep_levels=(1, 2), a=(fits(6, seconds=0.2),), b=(fits(6, seconds=0.2),))
        play.open(profile("a"), profile("b"))
        play.run(450.0, [(100.0 * n, f"t{n}", "ab"[n % 2]) for n in range(4)])
        assert ["a", "b"] == [said.model for said in play.said(Slept)]
        assert (["a", "b"], ["a"]) == ([said.model for said in play.said(WakeStarted)], play.stops)

    def test_one_that_could_not_sleep_is_gone(self) -> None:
        """Its memory is back all the same, once it was seen."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a"), profile("b"))
        play.warm("a")
        play.scheduler.models["a"].sleep_levels = (1, 2)
        assert ["check b", "sleep a"] == play.arrive("t1", "b", now=100.0)
        assert ["start b"] == play.gone("a")
        assert "<Model a cold: 0/0 in flight, 0 queued>" == play.status("a")
