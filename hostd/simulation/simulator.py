"""The simulator of a replay: virtual engines, memory and time around a decision-maker.

The decision-maker is given the events that the runtime would post, and its effects are carried out as the runtime would: a
`RunPreflight` is answered with the memory and its outcome, a `Start` with a ready engine after its load time, a `Stop` with
memory that is free again, a `Serve` with the end of the answer. Time jumps from one event to the next.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Protocol

from hostd.domain.errors import Bug
from hostd.domain.ticket import Route, Target, Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import Effect, Explain, Refuse, Remove, RunPreflight, Serve, Sleep, Start, Stop, Wake
from hostd.scheduling.events import (
    Arrived,
    Booted,
    ClientLeft,
    EngineReady,
    EngineStopped,
    Event,
    Finished,
    LoadOptionsChanged,
    MemoryMeasured,
    PreflightDone,
    Ticked,
)
from hostd.simulation.counters import Counters
from hostd.simulation.engine import VirtualEngine
from hostd.simulation.host_model import SimulatedHost, fits
from hostd.simulation.trace import TraceRequest

CHECK_SECONDS = 0.05
"""How long it takes to look at a model's files and at the memory."""


class Decider(Protocol):
    """Who decides: hostd's desk, or a peer."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in an event and return what is to be done."""

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None."""


@dataclass(slots=True)
class _Loaded:
    """An engine from its start until it is gone; *life* tells it from the model's earlier ones."""

    choice: LoadOption
    life: int
    began: float
    ready: bool = False
    leaving: bool = False
    engine: VirtualEngine = field(default_factory=VirtualEngine)

    @property
    def holds(self) -> Mapping[str, int]:
        """The bytes that it has of each pool: while it loads, the most that this may take."""
        return (self.choice.expected or self.choice.needs) if self.ready else self.choice.peak


_Due = tuple[str, str, int]
"""What happens by itself: its kind, the model, and the engine's life or edition for which it holds."""


class Simulator:
    """One replay in *house*: *decider* is asked about everything, *tally* keeps what came of it."""

    def __init__(self, app: SimulatedHost, decider: Decider, counters: Counters) -> None:
        self._app = app
        self._decider = decider
        self._tally = counters
        self._now = 0.0
        self._agenda: list[tuple[float, int, _Due]] = []
        self._count = self._arrivals = 0
        self._loaded: dict[str, _Loaded] = {}
        self._open: dict[str, TraceRequest] = {}
        self._begun: dict[str, float] = {}
        self._routes = {name: Route(name, (Target(name),)) for name in app.tenants}

    def run(self, requests: Iterable[TraceRequest]) -> None:
        """Let the *requests* come, in order of time, and go on until the last of them is over.

        Raises:
            Bug: Somebody waits, and nothing will ever happen again.
            KeyError: A request asks for a model that the house does not have.
        """
        self._boot()
        arrivals = iter(requests)
        coming = next(arrivals, None)
        while coming is not None or self._open:
            arrives = inf if coming is None else coming.at
            happens = self._agenda[0][0] if self._agenda else inf
            rings = self._decider.next_deadline()
            at = min(arrives, happens, inf if rings is None else rings)
            if at == inf:
                raise Bug(f"{len(self._open)} requests wait for something that never happens: {self._decider!r}")
            self._now = max(self._now, at)
            if happens <= self._now:
                self._happen(heapq.heappop(self._agenda)[2])
            elif coming is not None and arrives <= self._now:
                self._arrive(coming)
                coming = next(arrivals, None)
            else:
                self._tell(Ticked())
        self._tally.close(self._now)

    def _boot(self) -> None:
        for name, model in self._app.tenants.items():
            self._tell(LoadOptionsChanged(name, model.choices))
        self._measure()
        self._tell(Booted())

    def _arrive(self, request: TraceRequest) -> None:
        self._arrivals += 1
        ticket_id = str(self._arrivals)
        self._open[ticket_id] = request
        self._tally.arrived(request.model, self._now)
        self._tell(Arrived(Ticket(ticket_id, self._routes[request.model])))

    def _tell(self, event: Event) -> None:
        for effect in self._decider.handle(event, self._now):
            if not isinstance(effect, Explain):
                self._perform(effect)

    def _later(self, seconds: float, due: _Due) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (self._now + seconds, self._count, due))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Serve(ticket_id, model):
                self._serve(ticket_id, model)
            case Refuse(ticket_id):
                self._lose(ticket_id)
            case RunPreflight(model):
                self._later(CHECK_SECONDS, ("checked", model, 0))
            case Start(model, option):
                self._start(model, option)
            case Stop(model):
                self._stop(model)
            case Sleep() | Wake():
                raise Bug("no engine of a replay has said that it can sleep")
            case Explain() | Remove():
                pass

    def _serve(self, ticket_id: str, model: str) -> None:
        loaded = self._loaded.get(model)
        if loaded is None or not loaded.ready or loaded.leaving:
            raise Bug(f"request {ticket_id} was sent to '{model}', which is not loaded: {self._decider!r}")
        request = self._open[ticket_id]
        speed = self._app.tenants[model].speed(loaded.choice)
        self._tally.served(request.model, self._now - request.at, self._now)
        self._begun[ticket_id] = self._now
        work = speed.seconds(request.prompt_tokens, request.output_tokens)
        self._next_end(model, loaded, loaded.engine.join(ticket_id, work, self._now))

    def _next_end(self, model: str, loaded: _Loaded, at: float | None) -> None:
        if at is not None:
            self._later(at - self._now, ("ends", model, loaded.engine.edition))

    def _lose(self, ticket_id: str) -> None:
        request = self._open.pop(ticket_id)
        self._tally.refused(request.model, self._now)

    def _start(self, model: str, option: LoadOption | None) -> None:
        tenant = self._app.tenants[model]
        chosen = tenant.choices[0] if option is None else option
        self._count += 1
        self._loaded[model] = _Loaded(chosen, self._count, self._now)
        self._tally.load_began(self._now)
        if any(not fits({pool.id: self._held(pool.id)}, self._app.rooms) for pool in self._app.pools):
            self._tally.overcommits += 1
        self._later(chosen.load_seconds, ("ready", model, self._count))

    def _stop(self, model: str) -> None:
        loaded = self._loaded[model]
        if not loaded.ready and not loaded.leaving:
            self._tally.load_ended(self._now)
        self._tally.evictions += not loaded.leaving
        loaded.leaving = True
        for ticket_id in loaded.engine.tickets:
            del self._open[ticket_id], self._begun[ticket_id]
            self._tally.broken += 1
            self._tell(ClientLeft(ticket_id))
        self._later(self._app.stop_seconds, ("gone", model, loaded.life))

    def _happen(self, due: _Due) -> None:
        kind, model, number = due
        loaded = self._loaded.get(model)
        if kind == "checked":
            self._measure()
            self._tell(PreflightDone(model))
        elif loaded is None:
            pass
        elif kind == "ends" and number == loaded.engine.edition and not loaded.leaving:
            ticket_id, following = loaded.engine.finish(self._now)
            del self._open[ticket_id]
            self._next_end(model, loaded, following)
            self._tell(Finished(ticket_id, self._now - self._begun.pop(ticket_id)))
        elif kind == "ready" and number == loaded.life and not loaded.leaving:
            loaded.ready = True
            self._tally.load_ended(self._now)
            self._measure()
            self._tell(EngineReady(model, self._app.tenants[model].profile.slots, self._now - loaded.began))
        elif kind == "gone" and number == loaded.life:
            del self._loaded[model]
            self._tell(EngineStopped(model))
            self._measure()

    def _held(self, pool: str) -> int:
        return sum(loaded.holds.get(pool, 0) for loaded in self._loaded.values())

    def _measure(self) -> None:
        pools = tuple(replace(pool, free=max(0, pool.free - self._held(pool.id))) for pool in self._app.pools)
        self._tell(MemoryMeasured(pools, {model: loaded.holds for model, loaded in self._loaded.items()}))
