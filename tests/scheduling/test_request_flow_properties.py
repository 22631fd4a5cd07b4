"""Any order of events: no ticket is lost or answered twice, no place is given twice, no engine is asked for the impossible.

What must hold is written in `watched`; here is what may happen. `HYPOTHESIS_PROFILE=thorough` looks longer and elsewhere
each time.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from hostd.domain.lifecycle import State
from hostd.domain.profile import FallbackRule, Profile
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.domain.ticket import Ticket
from hostd.routing.policy import RouteQuery
from hostd.scheduling.events import (
    Arrived,
    Booted,
    ClientLeft,
    EngineFailed,
    EngineReady,
    EngineStopped,
    Finished,
    LoadRequested,
    ShutdownRequested,
    UnloadRequested,
)
from tests.routing.routing_stage import router
from tests.scheduling.checked_scheduler import Engine, Known, Watched
from tests.scheduling.scenario import profile

NAMES = ("a", "b", "c", "d")
PICK = st.integers(0, 23)
DIGESTS = ("0", "1", "2")
SECONDS = st.sampled_from([0.5, 0.0, 0.25, 1.0, 5.0, 30.0, 400.0])
REASONS = st.one_of(
    st.just(frozenset(FallbackReason)), st.frozensets(st.sampled_from(list(FallbackReason)), max_size=4)
)


@st.composite
def profile_sets(
    draw: st.DrawFn, sizes: tuple[int, ...] = (1, 2, 2, 3, 4), pinned: tuple[bool, ...] = (False, True)
) -> dict[str, Profile]:
    """Draw a few profiles with tight limits that fall back to one another, in circles too."""
    names = NAMES[: draw(st.sampled_from(sizes))]
    app = {}
    for name in names:
        steps = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        app[name] = profile(
            name,
            *(FallbackRule(to, draw(REASONS)) for to in steps if to != name),
            context=draw(st.sampled_from([None, 4096, 8192])),
            max_concurrent=draw(st.integers(1, 3)),
            max_queue=draw(st.sampled_from([10, 3, 1, 0])),
            queue_timeout=draw(st.sampled_from([30.0, 5.0, 1.0, 0.0])),
            total_timeout=draw(st.sampled_from([600.0, 600.0, 20.0, 3.0])),
            keep_alive=draw(st.sampled_from([60.0, 60.0, 2.0, 0.0])),
            pinned=draw(st.sampled_from(pinned)),
            preload=draw(st.booleans()),
            priority=draw(st.integers(0, 3)),
        )
    return app


class AnyOrder(Watched):
    """Engines with a life of their own, clients who come and go, the owner's hand, and a clock."""

    sleep_levels: tuple[int, ...] = ()
    may_close_after = 10

    @initialize(app=profile_sets())
    def set_up(self, app: dict[str, Profile]) -> None:
        """Set the stage."""
        self.profiles = app
        self.scheduler = self.make_scheduler(app)
        self.directory = router(*app.values())
        self.engines = {name: Engine() for name in app}

    @rule(pick=PICK, count=st.integers(1, 4), timeout=st.sampled_from([None, None, None, 0.0, 2.0, 700.0]))
    def arrive(self, pick: int, count: int, timeout: float | None) -> None:
        """Requests come in."""
        model = list(self.profiles)[pick % len(self.profiles)]
        total = self.profiles[model].limits.total_timeout
        expires = self.now + (total if timeout is None else min(total, timeout))
        for _ in range(count):
            deadline = None if timeout is None else self.now + timeout
            digest = DIGESTS[len(self.tickets) % len(DIGESTS)] if self.scheduler.refuses_by_digest else None
            route = self.directory.route(RouteQuery(model))
            ticket = Ticket(f"t{len(self.tickets)}", route, deadline=deadline, digest=digest)
            self.tickets[ticket.id] = Known(ticket, self.now, expires)
            self._tell(Arrived(ticket))

    @precondition(lambda self: self._open())
    @rule(pick=PICK, digest=st.sampled_from([None, None, *DIGESTS]))
    def leave(self, pick: int, digest: str | None) -> None:
        """A client goes away, wherever its ticket is; it may have been waiting while an engine read its request."""
        open_ = self._open()
        known = open_[pick % len(open_)]
        known.over = True
        self._tell(ClientLeft(known.ticket.id, digest))

    @precondition(lambda self: self._served())
    @rule(pick=PICK, seconds=st.sampled_from([0.1, 2.0, 400.0]))
    def finish(self, pick: int, seconds: float) -> None:
        """An engine has answered in full."""
        served = self._served()
        known = served[pick % len(served)]
        known.over = True
        self._tell(Finished(known.ticket.id, seconds))

    @precondition(lambda self: self._served())
    @rule(
        pick=PICK, reason=st.sampled_from([reason for reason in FallbackReason if reason is not FallbackReason.CRASHED])
    )
    def fail(self, pick: int, reason: FallbackReason) -> None:
        """A target fails a ticket before its first content byte."""
        served = self._served()
        self._fail(served[pick % len(served)], reason)

    @precondition(lambda self: self._bereft())
    @rule(pick=PICK, digest=st.sampled_from([None, *DIGESTS]))
    def see_death(self, pick: int, digest: str | None) -> None:
        """A request finds out that its engine has died, before or after the instance says so; it may have been read by then."""
        bereft = self._bereft()
        known = bereft[pick % len(bereft)]
        model, life = known.served_by or ("", 0)
        if self.engines[model].life == life:
            self.engines[model].seen_dead = True
        self._fail(known, FallbackReason.CRASHED, digest)

    @precondition(lambda self: self._those(loading=True))
    @rule(pick=PICK, slots=st.sampled_from([1, 2, 4]))
    def become_ready(self, pick: int, slots: int) -> None:
        """An engine answers its first token, though it may have been told to stop meanwhile."""
        model = self._those(loading=True)[pick % len(self._those(loading=True))]
        if not self.engines[model].told_to_stop:
            self.engines[model].slots = slots
        self._tell(EngineReady(model, slots, 1.0, self.sleep_levels))

    @precondition(lambda self: self._those(loading=False))
    @rule(pick=PICK)
    def die(self, pick: int) -> None:
        """A running engine dies; it has not been noticed yet."""
        self.engines[self._those(loading=False)[pick % len(self._those(loading=False))]].dead = True

    @precondition(lambda self: self._ending())
    @rule(pick=PICK, exit_class=st.sampled_from(list(ExitClass)), politely=st.booleans(), itself=st.booleans())
    def end(self, pick: int, exit_class: ExitClass, politely: bool, itself: bool) -> None:
        """A load fails, a death is reported, or a stop is done: nothing of the engine is left."""
        ending = self._ending()
        model = ending[pick % len(ending)]
        told = self.engines[model].told_to_stop
        self.engines[model] = Engine(life=self.engines[model].life)
        failed = EngineFailed(model, exit_class, "it said so", itself)
        self._tell(EngineStopped(model) if told and politely else failed)

    @rule(pick=PICK, load=st.booleans())
    def take_in_hand(self, pick: int, load: bool) -> None:
        """The owner loads or unloads a model."""
        model = list(self.profiles)[pick % len(self.profiles)]
        self._tell(LoadRequested(model, "asked") if load else UnloadRequested(model))

    @precondition(lambda self: not self.booted)
    @rule()
    def boot(self) -> None:
        """The daemon is up."""
        self.booted = True
        self._tell(Booted())

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        """Time passes; what fell due on the way is noticed only now."""
        self.now += seconds
        self._tick()

    @rule()
    def reach_the_next_deadline(self) -> None:
        """The clock shows exactly the time that the scheduler named."""
        at = self.scheduler.next_deadline()
        if at is not None:
            self.now = max(self.now, at)
            self._tick()

    @precondition(lambda self: len(self.tickets) > self.may_close_after and not self.closing)
    @rule()
    def close(self) -> None:
        """The daemon goes down."""
        self.closing = True
        self._tell(ShutdownRequested())

    def teardown(self) -> None:
        """When all is answered and time goes by, no ticket is left, the boot has come to its end, and the scheduler rests."""
        if not self.sound:
            return
        for _ in range(600):
            if not self._calm_down():
                break
        assert [] == self._open()
        assert not self.booted or self.scheduler.view().settled
        assert self._at_rest()
        if self.closing:
            assert {State.COLD} >= {model.state for model in self.scheduler.models.values()}

    def _at_rest(self) -> bool:
        return self.scheduler.next_deadline() is None

    def _calm_down(self) -> bool:
        """Let one good thing happen; return whether there was one."""
        if ending := [name for name in self._ending() if self._engine_is_doomed(name)]:
            model = ending[0]
            self.engines[model] = Engine(life=self.engines[model].life)
            self._tell(EngineFailed(model, ExitClass.UNKNOWN, "at last"))
        elif loading := self._those(loading=True):
            self.engines[loading[0]].slots = 2
            self._tell(EngineReady(loading[0], 2, 1.0, self.sleep_levels))
        elif served := self._served():
            served[0].over = True
            self._tell(Finished(served[0].ticket.id, 1.0))
        elif (at := self.scheduler.next_deadline()) is not None:
            self.now = max(self.now, at)
            self._tick()
        else:
            return False
        return True


QUICK = settings(max_examples=400, stateful_step_count=50, derandomize=True, database=None)
THOROUGH = settings(max_examples=3000, stateful_step_count=100)

# The same rules are run through the fast path in `test_request_flow` each time.
TestAnyOrder = pytest.mark.slow(AnyOrder.TestCase)
TestAnyOrder.settings = settings(
    THOROUGH if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else QUICK,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
