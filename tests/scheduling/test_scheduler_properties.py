"""From whatever state: once memory is free and engines do as they should, every model answers again without anybody's help.

The rules are those of `test_memory_admission_properties`. Where a run of them ends, the faults end as well: other programs have
gone, checks pass, loads and stops succeed. Then one client for each model asks, and where it is refused, again after `Retry-After`,
as clients do.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from hostd.domain.lifecycle import State
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Ticket
from hostd.planning.warm_set.load_option import excess
from hostd.routing.policy import RouteQuery
from hostd.scheduling.effects import Effect, Refuse
from hostd.scheduling.events import Arrived, ClientLeft, EngineFailed, EngineReady, Finished, UnloadRequested
from hostd.scheduling.restart import COOL_DOWN
from tests.scheduling.checked_scheduler import Engine, Known
from tests.scheduling.test_memory_admission_properties import CAPACITY, TooLittle

STEP = 0.25
"""Seconds between two looks at the clock; whatever is due by then happens."""
LOAD_BEGINS = 15.0
"""Seconds within which a load begins for a request that waits while memory is free: the last restart that comes by itself is
delayed by 4 s (after four failures in a row), and a check, a stop and the measurement after them take their steps."""
ANSWERED = COOL_DOWN + 60.0 + LOAD_BEGINS
"""Seconds within which a client that does as `Retry-After` says is answered: a model that kept crashing is closed for `COOL_DOWN`,
and the longest `Retry-After` is a minute."""


class ComesBack(TooLittle):
    """Whatever happened, in the end everything works."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[str, float] = {}

    def _saw(self, effect: Effect) -> None:
        super()._saw(effect)
        if isinstance(effect, Refuse):
            self.refused[effect.ticket_id] = effect.error.retry_after or 1.0

    def teardown(self) -> None:
        """Ask for each model in turn while no other is used."""
        if self.sound and self.profiles and not self.closing:
            self.others = dict.fromkeys(self.others, 0)
            for known in self._open():
                known.over = True
                self._tell(ClientLeft(known.ticket.id))
            self._let_settle()
            for name in self._that_fit():
                # Its own history stays as it is; only what stands in its way goes.
                for other in self.profiles:
                    if other != name:
                        self._tell(UnloadRequested(other))
                self._let_settle()
                self._ask_until_answered(name)
        super().teardown()

    def _that_fit(self) -> Iterator[str]:
        capacity = dict.fromkeys(self.cards, CAPACITY)
        for name, model in self.scheduler.models.items():
            # Where no request may wait for it, it has to stay until its client comes again.
            stays = self.profiles[name].limits.max_queue or self.profiles[name].warm.keep_alive >= 60.0
            if stays and (not model.options or any(not excess(each.peak, capacity) for each in model.options)):
                yield name

    def _ask_until_answered(self, name: str) -> None:
        began = at = self.now
        while self.now <= began + ANSWERED:
            ticket = Ticket(f"t{len(self.tickets)}", self.directory.route(RouteQuery(name)))
            # By the model itself: a fallback that answers instead would hide that it is down.
            ticket = ticket._replace(route=ticket.route.__class__(name, ticket.route.targets[:1]))
            known = Known(ticket, self.now, self.now + self.profiles[name].limits.total_timeout)
            self.tickets[ticket.id] = known
            self._tell(Arrived(ticket))
            while known.waits:
                self._step()
                state = self.scheduler.models[name].state
                at = self.now if state in (State.LOADING, State.READY) else at
                assert not known.waits or self.now - max(at, known.arrived) <= LOAD_BEGINS, self.scheduler.models[name]
            if known.served_by is not None:
                known.over = True
                self._tell(Finished(ticket.id, 0.1))
                return
            self._wait(self.refused[ticket.id])
        raise AssertionError(f"{self.scheduler.models[name]} has not answered for {self.now - began:.0f} s")

    def _wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self._step()

    def _step(self) -> None:
        self.now += STEP
        self._let_settle()
        self._tick()

    def _let_settle(self) -> None:
        """Let checks, loads, stops and sleep come to a good end, until none is under way."""
        while self._one_ends():
            self.measure(1.0)
        self.measure(1.0)

    def _one_ends(self) -> bool:
        if doomed := [name for name in self._ending() if self._engine_is_doomed(name)]:
            self.engines[doomed[0]] = Engine(life=self.engines[doomed[0]].life)
            self._tell(EngineFailed(doomed[0], ExitClass.UNKNOWN, "at last"))
        elif loading := self._those(loading=True):
            self.engines[loading[0]].slots = 2
            self._tell(EngineReady(loading[0], 2, 1.0, self.sleep_levels))
        elif self.asked:
            self.check(0, None)
        elif self.dozing:
            self.fall_asleep(0, really=True)
        else:
            return False
        return True


# One run takes many virtual minutes, so there are fewer of them.
QUICK = settings(max_examples=60, stateful_step_count=40, derandomize=True, database=None)
THOROUGH = settings(max_examples=2000, stateful_step_count=60)

TestComesBack = pytest.mark.slow(ComesBack.TestCase)
TestComesBack.settings = settings(
    THOROUGH if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else QUICK,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
