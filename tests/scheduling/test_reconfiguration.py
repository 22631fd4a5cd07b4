"""``hostd.scheduling.reconfiguration``: new settings while requests are served."""

from dataclasses import replace

import pytest

from hostd.domain.lifecycle import State
from hostd.domain.profile import Limits, Profile, Variant
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route, Target, Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import Explain
from hostd.scheduling.events import (
    Arrived,
    Booted,
    ClientLeft,
    EngineReady,
    EngineStopped,
    Event,
    Finished,
    LoadOptionsChanged,
    LoadRequested,
    PinRequested,
    Reconfigured,
    ShutdownRequested,
)
from hostd.scheduling.model_decisions import Pinned, Unpinned
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import QueuePosition
from tests.scheduling.memory import CARD, Machine, fits
from tests.scheduling.scenario import Rehearsal, line, profile

NEW = (Variant("llamacpp", path="new.gguf"),)


def settings(*profiles: Profile) -> Reconfigured:
    """Return the event that makes *profiles* all that there are."""
    return Reconfigured({each.name: each for each in profiles})


def served(*profiles: Profile) -> Rehearsal:
    """Return a scheduler whose models *profiles* are ready."""
    play = Rehearsal(*profiles)
    play.warm(*(each.name for each in profiles))
    return play


class TestBackends:
    """What engines are launched with that stands in no profile."""

    def test_an_idle_model_moves_over_at_once_and_a_busy_one_when_it_is_idle(self) -> None:
        """Even where another reload comes in between that changes nothing; a model of another backend runs on."""
        same = [profile(name) for name in "abc"]
        play = served(*same)
        play.arrive("t1", "b")
        moved = replace(settings(*same), relaunch=frozenset("ab"))
        assert ["stop a"] == play.tell(moved)
        assert [] == play.tell(settings(*same))
        assert ["stop b"] == play.finish("t1")
        assert ["start b"] == play.tell(EngineStopped("b"))
        assert ["start a"] == play.tell(EngineStopped("a"))
        play.ready("a")
        play.ready("b")
        assert [] == play.tell(settings(*same))

    def test_one_that_is_not_loaded_has_nothing_to_move(self) -> None:
        """Its next load follows the new settings anyway."""
        play = Rehearsal(profile("a"))
        assert [] == play.tell(replace(settings(profile("a")), relaunch=frozenset("a")))
        assert ["start a"] == play.tell(LoadRequested("a", "asked"))
        play.ready("a")
        assert [] == play.tell(settings(profile("a")))


class TestLimits:
    """What an engine does not see."""

    def test_hold_at_once(self) -> None:
        """A request that waits is served by the new limit, the engine runs on, and the queue is shorter from now on."""
        play = served(profile("a", max_concurrent=1))
        play.arrive("t1")
        assert [] == play.arrive("t2")
        assert ["serve t2 by a"] == play.tell(settings(profile("a", max_concurrent=2, max_queue=1)))
        play.arrive("t3")
        assert ["refuse t4: queue_full"] == play.arrive("t4")

    def test_equal_settings_change_nothing(self) -> None:
        """Nothing is stopped, started or refused."""
        play = served(profile("a"), profile("b"))
        play.arrive("t1")
        before = play.status("a"), play.status("b")
        assert [] == play.tell(settings(profile("a"), profile("b")))
        assert before == (play.status("a"), play.status("b"))


class TestEngines:
    """What an engine was launched with."""

    def test_an_idle_model_moves_over_at_once(self) -> None:
        """Its engine is stopped, and the next one is started: it was loaded before."""
        play = served(profile("a"))
        assert ["stop a"] == play.tell(settings(replace(profile("a"), variants=NEW)))
        assert ["start a"] == play.tell(EngineStopped("a"))
        assert NEW == play.scheduler.models["a"].profile.variants

    def test_a_busy_model_moves_over_when_it_is_idle(self) -> None:
        """No answer is cut, requests that wait are served before, and the new limits hold meanwhile."""
        play = served(profile("a", max_concurrent=1))
        play.arrive("t1")
        play.arrive("t2")
        changed = replace(profile("a"), variants=NEW, limits=Limits(max_concurrent=1, max_queue=9))
        assert [] == play.tell(settings(changed))
        assert (9, False) == (
            play.scheduler.models["a"].profile.limits.max_queue,
            NEW == play.scheduler.models["a"].profile.variants,
        )
        assert ["serve t2 by a"] == play.finish("t1")
        assert ["stop a"] == play.finish("t2")
        assert [] == play.arrive("t3")
        assert ["start a"] == play.tell(EngineStopped("a"))
        assert ["serve t3 by a"] == play.ready()

    def test_a_cold_model_is_not_loaded_for_it(self) -> None:
        """It takes the new settings where the next request finds them."""
        play = Rehearsal(profile("a"))
        assert [] == play.tell(settings(replace(profile("a"), variants=NEW)))
        assert NEW == play.scheduler.models["a"].profile.variants

    def test_a_load_by_the_old_settings_begins_anew(self) -> None:
        """The requests that wait for it wait for the new one."""
        play = Rehearsal(profile("a"))
        assert ["start a"] == play.arrive("t1")
        assert ["stop a"] == play.tell(settings(replace(profile("a"), variants=NEW)))
        assert ["start a"] == play.tell(EngineStopped("a"))
        assert ["serve t1 by a"] == play.ready()

    def test_a_failed_model_gets_another_chance(self) -> None:
        """The owner may just have mended it."""
        play = Rehearsal(profile("a"))
        play.tell(LoadRequested("a", "asked"))
        play.broke()
        play.tell(settings(replace(profile("a"), variants=NEW)))
        assert "cold" in play.status()
        assert ["start a"] == play.arrive("t1")

    def test_settings_that_change_twice_are_those_of_the_second_time(self) -> None:
        """Also back to what they were: then its engine runs on."""
        play = served(profile("a"))
        play.arrive("t1")
        play.tell(settings(replace(profile("a"), variants=NEW)))
        play.tell(settings(profile("a")))
        assert [] == play.finish("t1")


class TestModels:
    """Which models there are."""

    def test_a_new_one_can_be_asked_for(self) -> None:
        """At once."""
        play = served(profile("a"))
        assert [] == play.tell(settings(profile("a"), profile("b")))
        assert ["start b"] == play.tell(Arrived(Ticket("t1", Route("b", (Target("b"),)))))

    def test_a_removed_one_answers_what_it_has(self) -> None:
        """Then its engine is stopped, and nothing is left of it; what its engine still reports does no harm."""
        play = served(profile("a", max_concurrent=1))
        play.arrive("t1")
        play.arrive("t2")
        assert [] == play.tell(settings())
        assert ["serve t2 by a"] == play.finish("t1")
        assert ["stop a"] == play.finish("t2")
        assert ["remove a"] == play.tell(EngineStopped("a"))
        assert {} == play.scheduler.models
        assert [] == play.tell(EngineStopped("a"))
        assert [] == play.pass_time(10_000.0)

    @pytest.mark.parametrize("before", ["cold", "failed", "loading"])
    def test_a_removed_one_goes_from_wherever_it_is(self, before: str) -> None:
        """A load that nothing waits for is stopped; without an engine it is gone at once."""
        play = Rehearsal(profile("a"))
        if before != "cold":
            play.tell(LoadRequested("a", "asked"))
        if before == "failed":
            play.broke()
        asked = play.tell(settings())
        assert (["stop a"] if before == "loading" else ["remove a"]) == asked
        if before == "loading":
            assert ["remove a"] == play.tell(EngineStopped("a"))

    def test_no_request_falls_back_to_a_removed_one(self) -> None:
        """Although its route was made before."""
        play = served(profile("a", "b", "c"), profile("b"), profile("c"))
        play.arrive("t1")
        play.arrive("t2", "b")
        play.tell(settings(profile("a"), profile("c")))
        assert ["serve t1 by c for crashed"] == play.fail("t1", FallbackReason.CRASHED)

    def test_one_that_comes_back_stays(self) -> None:
        """A removal that was taken back before the model was idle has never been."""
        play = served(profile("a"))
        play.arrive("t1")
        play.tell(settings())
        play.tell(settings(profile("a")))
        assert [] == play.finish("t1")
        assert ["serve t2 by a"] == play.arrive("t2")

    def test_nothing_is_loaded_while_closing(self) -> None:
        """A reload on the way down is one for the next start."""
        play = served(profile("a"))
        play.tell(ShutdownRequested())
        play.tell(settings(replace(profile("a"), variants=NEW), profile("b")))
        assert [] == play.tell(EngineStopped("a"))


class Following:
    """A scheduler whose models' options are posted after them."""

    def __init__(self, *profiles: Profile) -> None:
        self.scheduler = Scheduler({each.name: each for each in profiles}, options_follow=True)

    def tell(self, event: Event) -> list[str]:
        """Let *event* happen and return what is asked for."""
        effects = self.scheduler.handle(event, 0.0)
        return [line(effect) for effect in effects if not isinstance(effect, Explain)]

    def arrive(self, ticket_id: str) -> list[str]:
        """Let a request for ``a`` come in."""
        return self.tell(Arrived(Ticket(ticket_id, Route("a", (Target("a"),)))))


OPTIONS = LoadOptionsChanged("a", (LoadOption(0, "llamacpp:a.gguf"),))


class TestOptions:
    """Loads wait until it is known what they take."""

    def test_a_request_waits_for_the_options_of_its_model(self) -> None:
        """As one does for a load: it has a place in the queue, and is served when the model is ready."""
        play = Following(profile("a"))
        assert [] == play.arrive("t1")
        assert QueuePosition("a", State.LOADING, 1) == play.scheduler.position("t1")
        assert "header" == play.scheduler.model("a").waits_for
        assert ["start a"] == play.tell(OPTIONS)
        assert ["serve t1 by a"] == play.tell(EngineReady("a", 1, 1.0))

    @pytest.mark.parametrize("ending", [ClientLeft("t1"), ShutdownRequested()])
    def test_a_request_that_is_over_by_then_loads_nothing(self, ending: Event) -> None:
        """Its client has left, or was refused since the daemon goes down."""
        play = Following(profile("a"))
        play.arrive("t1")
        play.tell(ending)
        assert [] == play.tell(OPTIONS)
        assert "cold" in repr(play.scheduler)

    def test_a_load_by_hand_waits_too(self) -> None:
        """And so does the boot's."""
        play = Following(profile("a", preload=True), profile("b"))
        assert [] == play.tell(LoadRequested("b", "asked"))
        assert ["start b"] == play.tell(LoadOptionsChanged("b", ()))
        assert [] == play.tell(Booted())
        assert ["start a"] == play.tell(OPTIONS)

    def test_changed_options_wait_for_the_change(self) -> None:
        """What is known of the new variants is not taken for the old ones, which still run."""
        play = Following(profile("a"))
        play.tell(OPTIONS)
        play.arrive("t1")
        play.tell(EngineReady("a", 1, 1.0))
        changed = replace(profile("a"), variants=NEW)
        found = LoadOptionsChanged("a", (LoadOption(0, "llamacpp:new.gguf"),))
        assert [] == play.tell(settings(changed))
        assert [] == play.tell(found)
        assert OPTIONS.options == play.scheduler.models["a"].options
        assert ["stop a"] == play.tell(Finished("t1", 1.0))
        assert found.options == play.scheduler.models["a"].options
        assert ["start a"] == play.tell(EngineStopped("a"))


class TestPins:
    """What the owner says by hand of a model's stay."""

    def test_a_pinned_model_stays(self) -> None:
        """However long it is idle; unpinned, its idle time counts from then on."""
        play = served(profile("a", keep_alive=60.0))
        assert [] == play.tell(PinRequested("a", True), 10.0)
        assert [] == play.pass_time(1000.0)
        assert (True, None) == (play.scheduler.model("a").profile.warm.pinned, play.scheduler.model("a").unloads_at)
        assert [] == play.tell(PinRequested("a", False), 1000.0)
        assert 1060.0 == play.scheduler.model("a").unloads_at
        assert ["stop a"] == play.pass_time(1060.0)

    def test_it_is_not_evicted(self) -> None:
        """Whatever another model needs; and it is again once it is unpinned, also where its profile has pinned it."""
        play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
        play.open(profile("a", preload=True, pinned=True), profile("b"))
        play.ready("a")
        play.tell(PinRequested("a", False))
        play.tell(PinRequested("a", True))
        play.tell(LoadRequested("b", "asked"))
        assert ["a"] == play.starts
        assert "a is pinned" in (play.scheduler.model("b").last_error or "")
        play.tell(PinRequested("a", False))
        play.tell(LoadRequested("b", "asked"))
        assert ["a"] == play.stops

    def test_it_holds_until_the_files_are_read_anew(self) -> None:
        """They say what is pinned, whether or not they have changed; `hostd why` tells each change once."""
        same = profile("a", keep_alive=60.0)
        play = served(same)
        play.tell(PinRequested("a", True))
        assert [Pinned("a", "asked")] == play.explained()
        play.tell(PinRequested("a", True))
        assert [] == play.explained()
        assert [] == play.tell(settings(same), 10.0)
        assert [Unpinned("a", "reconfigured")] == play.explained()
        assert not play.scheduler.model("a").profile.warm.pinned
        assert ["stop a"] == play.pass_time(100.0)
        play.tell(PinRequested("nobody", True))
