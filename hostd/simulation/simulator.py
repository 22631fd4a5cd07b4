"""The simulator of a replay: virtual engines, memory and time around a decision-maker.

The decision-maker is given the events that the runtime would post, and its effects are carried out as the runtime would: a
`RunPreflight` is answered with the memory and its outcome, a `Start` with a ready engine after its load time, a `Stop` with
memory that is free again, a `Serve` with the end of the answer. Time jumps from one event to the next.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Protocol

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.conversation import UNKNOWN, ConversationId
from hostd.domain.errors import Bug
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route, Target, Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import (
    Effect,
    Explain,
    Prove,
    Refuse,
    Remove,
    RunPreflight,
    Serve,
    Sleep,
    Start,
    Stop,
    Wake,
)
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
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
from hostd.simulation.provider_model import FAILS_AFTER, Outage, ServedRequest, cost_of
from hostd.simulation.slots import VirtualSlots
from hostd.simulation.trace import TraceRequest

CHECK_SECONDS = 0.05
"""How long it takes to look at a model's files and at the memory."""


class Decider(Protocol):
    """A decision-maker: hostd's scheduler, or a baseline."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Return the effects of one event."""

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None."""


@dataclass(slots=True)
class _Loaded:
    """An engine from its start to its end; *generation* tells it from earlier engines of the model."""

    option: LoadOption
    generation: int
    began: float
    ready: bool = False
    stopping: bool = False
    slots: VirtualSlots = field(default_factory=lambda: VirtualSlots(1))
    engine: VirtualEngine = field(default_factory=VirtualEngine)

    @property
    def holds(self) -> Mapping[str, int]:
        """Bytes by pool; while the engine loads, the peak of the load."""
        return (self.option.expected or self.option.needs) if self.ready else self.option.peak


_Due = tuple[str, str, int]
"""A scheduled occurrence: its kind, the model, and the engine's generation or edition for which it holds."""


class Simulator:
    """One replay on *host*: *decider* is given every event, *counters* count the outcome.

    With *saving*, what slots hold is kept in files where a profile wants that (``kv.save``). What a request asks for has its
    targets in *routes*, as a rule the one model of that name. Models have *outages*, and *served* is told of each answer.
    """

    def __init__(  # noqa: PLR0913 - a replay's machine, its decisions, and what may be different from the usual
        self,
        host: SimulatedHost,
        decider: Decider,
        counters: Counters,
        *,
        saving: bool = False,
        routes: Mapping[str, Route] | None = None,
        outages: Sequence[Outage] = (),
        served: Callable[[ServedRequest], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._decider = decider
        self._counters = counters
        self._now = 0.0
        self._scheduled: list[tuple[float, int, _Due]] = []
        self._count = self._arrivals = 0
        self._loaded: dict[str, _Loaded] = {}
        self._open: dict[str, TraceRequest] = {}
        self._begun: dict[str, tuple[float, AnswerSums]] = {}
        self._saved: dict[str, dict[str, int]] = defaultdict(dict)
        self._saving = {name for name, model in host.models.items() if saving and model.profile.kv.save}
        self._routes = routes or {name: Route(name, (Target(name),)) for name in host.models}
        self._outages = outages
        self._served = served
        self._reasons: dict[str, FallbackReason | None] = {}
        self._failing: dict[int, str] = {}

    def run(self, requests: Iterable[TraceRequest]) -> None:
        """Replay *requests*, which are in order of time, until the last of them has ended.

        Raises:
            Bug: A request waits, and no further event is due.
            KeyError: A request asks for a model that the host does not have.
        """
        self._boot()
        arrivals = iter(requests)
        coming = next(arrivals, None)
        while coming is not None or self._open:
            arrives = inf if coming is None else coming.at
            happens = self._scheduled[0][0] if self._scheduled else inf
            rings = self._decider.next_deadline()
            at = min(arrives, happens, inf if rings is None else rings)
            if at == inf:
                raise Bug(f"{len(self._open)} requests wait for something that never happens: {self._decider!r}")
            self._now = max(self._now, at)
            if happens <= self._now:
                self._run_due(heapq.heappop(self._scheduled)[2])
            elif coming is not None and arrives <= self._now:
                self._arrive(coming)
                coming = next(arrivals, None)
            else:
                self._post(Ticked())
        self._counters.close(self._now)

    def _boot(self) -> None:
        for name, model in self._host.models.items():
            self._post(LoadOptionsChanged(name, model.options))
        self._measure()
        self._post(Booted())

    def _arrive(self, request: TraceRequest) -> None:
        self._arrivals += 1
        ticket_id = str(self._arrivals)
        self._open[ticket_id] = request
        self._counters.arrived(request.model, self._now)
        conversation = ConversationId(request.session) if request.session else UNKNOWN
        ticket = Ticket(
            ticket_id,
            self._routes[request.model],
            conversation=conversation,
            prompt_tokens=request.prompt_tokens,
            answer_tokens=request.output_tokens,
        )
        self._post(Arrived(ticket))

    def _post(self, event: Event) -> None:
        for effect in self._decider.handle(event, self._now):
            if not isinstance(effect, Explain):
                self._perform(effect)

    def _schedule(self, seconds: float, due: _Due) -> None:
        self._count += 1
        heapq.heappush(self._scheduled, (self._now + seconds, self._count, due))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Serve(ticket_id, model):
                self._reasons[ticket_id] = effect.reason
                self._serve(ticket_id, model, effect.slot)
            case Refuse(ticket_id):
                self._refused(ticket_id)
            case RunPreflight(model):
                self._schedule(CHECK_SECONDS, ("checked", model, 0))
            case Start(model, option):
                self._start(model, option)
            case Stop(model):
                self._stop(model)
            case Sleep() | Wake() | Prove():
                raise Bug("no engine of a replay has said that it can sleep, and no machine of one sleeps")
            case Explain() | Remove():
                pass

    def _serve(self, ticket_id: str, model: str, slot: int | None) -> None:
        loaded = self._loaded.get(model)
        if loaded is None or not loaded.ready or loaded.stopping:
            raise Bug(f"request {ticket_id} was sent to '{model}', which is not loaded: {self._decider!r}")
        request = self._open[ticket_id]
        if any(each.model == model and each.begin <= self._now < each.end for each in self._outages):
            self._count += 1
            self._failing[self._count] = ticket_id
            self._schedule(FAILS_AFTER, ("fails", model, self._count))
            return
        speed = self._host.models[model].speed(loaded.option)
        held, restoring = loaded.slots.begin(ticket_id, request.session, self._now, slot)
        # The last token is read again: it is what the answer follows from.
        cached = min(held, max(0, request.prompt_tokens - 1))
        reading = speed.seconds(request.prompt_tokens - cached, 0)
        writing = speed.seconds(0, request.output_tokens)
        first, waited = restoring + reading, self._now - request.at
        self._counters.served(request.model, waited, self._now)
        self._counters.read(request.prompt_tokens, cached, waited + first)
        self._begun[ticket_id] = (
            self._now,
            AnswerSums(request.prompt_tokens, cached, request.output_tokens, reading, writing, first),
        )
        work = first + writing
        self._next_end(model, loaded, loaded.engine.join(ticket_id, work, self._now))

    def _next_end(self, model: str, loaded: _Loaded, at: float | None) -> None:
        if at is not None:
            self._schedule(at - self._now, ("ends", model, loaded.engine.edition))

    def _refused(self, ticket_id: str) -> None:
        request = self._open.pop(ticket_id)
        self._counters.refused(request.model, self._now)

    def _start(self, model: str, option: LoadOption | None) -> None:
        chosen = self._host.models[model].options[0] if option is None else option
        self._count += 1
        saved = self._saved[model] if model in self._saving else None
        slots = VirtualSlots(self._host.models[model].profile.slots, saved)
        self._loaded[model] = _Loaded(chosen, self._count, self._now, slots=slots)
        self._counters.load_began(self._now)
        if any(not fits({pool.id: self._held(pool.id)}, self._host.free) for pool in self._host.pools):
            self._counters.overcommits += 1
        self._schedule(chosen.load_seconds, ("ready", model, self._count))

    def _stop(self, model: str) -> None:
        loaded = self._loaded[model]
        if not loaded.ready and not loaded.stopping:
            self._counters.load_ended(self._now)
        self._counters.evictions += not loaded.stopping
        loaded.stopping = True
        loaded.slots.close()
        for ticket_id in loaded.engine.tickets:
            del self._open[ticket_id], self._begun[ticket_id], self._reasons[ticket_id]
            self._counters.broken += 1
            self._post(ClientLeft(ticket_id))
        self._schedule(self._host.stop_seconds, ("gone", model, loaded.generation))

    def _run_due(self, due: _Due) -> None:
        kind, model, number = due
        loaded = self._loaded.get(model)
        if kind == "fails":
            ticket_id = self._failing.pop(number)
            self._post(AttemptFailed(ticket_id, FallbackReason.STATUS_5XX, "it is down", 503))
        elif kind == "checked":
            self._measure()
            self._post(PreflightDone(model))
        elif loaded is None:
            pass
        elif kind == "ends" and number == loaded.engine.edition and not loaded.stopping:
            ticket_id, next_end = loaded.engine.finish(self._now)
            request = self._open.pop(ticket_id)
            begun, sums = self._begun.pop(ticket_id)
            loaded.slots.end(ticket_id, sums.prompt + sums.answer, self._now)
            self._next_end(model, loaded, next_end)
            profile = self._host.models[model].profile
            cost = cost_of(profile, request.prompt_tokens, request.output_tokens)
            away, reason = profile.variants[0].provider is not None, self._reasons.pop(ticket_id, None)
            self._served(ServedRequest(request.model, model, reason, away, cost))
            tokens = request.prompt_tokens + request.output_tokens
            self._post(Finished(ticket_id, self._now - begun, cost, sums, tokens))
        elif kind == "ready" and number == loaded.generation and not loaded.stopping:
            loaded.ready = True
            self._counters.load_ended(self._now)
            self._measure()
            slots, took = self._host.models[model].profile.slots, self._now - loaded.began
            self._post(EngineReady(model, slots, took, addressed=model in self._saving))
        elif kind == "gone" and number == loaded.generation:
            del self._loaded[model]
            self._post(EngineStopped(model))
            self._measure()

    def _held(self, pool: str) -> int:
        return sum(loaded.holds.get(pool, 0) for loaded in self._loaded.values())

    def _measure(self) -> None:
        pools = tuple(replace(pool, free=max(0, pool.free - self._held(pool.id))) for pool in self._host.pools)
        self._post(MemoryMeasured(pools, {model: loaded.holds for model, loaded in self._loaded.items()}))
