"""What handlers are given: the request in hand, and the services that their family needs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, Protocol

from aiohttp import web

from hostd.backends.upstream import Upstream
from hostd.dialects.base import Dialect
from hostd.domain.capability import Found
from hostd.domain.catalog import Catalog
from hostd.domain.principal import ANONYMOUS, Principal
from hostd.domain.server_settings import ServerSettings
from hostd.gateway.body_reader import BodyReader
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.forwarding.timeouts import TimeoutMonitor
from hostd.gateway.http.key_ring import KeyRing
from hostd.gateway.responses.store import ResponseStore
from hostd.gateway.screening import Screen
from hostd.hardware.probe import Sensors
from hostd.paths import records_file
from hostd.routing.loop_guard import LoopGuard
from hostd.routing.router import Router
from hostd.runtime.boot import Boot
from hostd.runtime.dispatcher import Dispatcher
from hostd.runtime.reload import Reload
from hostd.supervisor.card_watch import CardWatch
from hostd.supervisor.instance import Instance
from hostd.supervisor.memory_monitor import MemoryMonitor
from hostd.telemetry.decision_history import DecisionHistory
from hostd.telemetry.history import RequestHistory
from hostd.telemetry.machine_history import MachineHistory
from hostd.telemetry.metrics import Metrics
from hostd.telemetry.recent_events import RecentEvents
from hostd.telemetry.sinks import Sinks


class ModelProber(Protocol):
    """Finds out what models can really do."""

    async def probe(self, model: str) -> Found:
        """Return what a loaded *model* was found to be able to do, all of it asked anew."""


@dataclass(frozen=True, slots=True)
class InferenceServices:
    """What answering requests needs.

    *started* is when the daemon was started. *server* returns the settings of the server as they are now. *responses* is None
    where none are kept.
    """

    catalog: Catalog
    router: Router
    dispatcher: Dispatcher
    upstreams: Mapping[str, Upstream]
    sinks: Sinks
    timeouts: TimeoutMonitor
    started: datetime
    server: Callable[[], ServerSettings]
    bodies: BodyReader
    responses: ResponseStore | None
    screen: Screen
    loops: LoopGuard


@dataclass(frozen=True, slots=True)
class AdminServices:
    """What the owner's routes show and change. *wall_time* turns a time of the loop's clock into one of the calendar."""

    catalog: Catalog
    router: Router
    dispatcher: Dispatcher
    instances: Mapping[str, Instance]
    memory: MemoryMonitor
    sensors: Sensors
    history: DecisionHistory
    records: RequestHistory
    addresses: Sequence[str]
    wall_time: Callable[[float], datetime]
    prober: ModelProber | None
    recent: RecentEvents


@dataclass(frozen=True, slots=True)
class OllamaServices:
    """What clients of Ollama are told of models. *wall_time* and *started* as in `AdminServices` and `InferenceServices`."""

    catalog: Catalog
    router: Router
    dispatcher: Dispatcher
    instances: Mapping[str, Instance]
    memory: MemoryMonitor
    started: datetime
    wall_time: Callable[[float], datetime]


@dataclass(frozen=True, slots=True)
class HealthServices:
    """What probes and Prometheus ask for."""

    boot: Boot
    dispatcher: Dispatcher
    instances: Mapping[str, Instance]
    metrics: Metrics
    cards: CardWatch


@dataclass(frozen=True, slots=True)
class AppContext:
    """All parts of a running daemon; each family of handlers is given those that it needs.

    *addresses* are those that it really listens on. *wall_time* turns a time of the loop's clock into one of the calendar, and
    *started* is one of the loop's clock. *sinks* are told of every request that is over.
    """

    catalog: Catalog
    router: Router
    dispatcher: Dispatcher
    instances: Mapping[str, Instance]
    metrics: Metrics
    timeouts: TimeoutMonitor
    memory: MemoryMonitor
    wall_time: Callable[[float], datetime]
    started: float
    boot: Boot = field(default_factory=lambda: Boot(()))
    addresses: list[str] = field(default_factory=list)
    commit_after: float | None = None
    keep_alive_every: float | None = None
    sensors: Sensors = field(default_factory=Sensors)
    sinks: Sinks = field(default_factory=Sinks)
    history: DecisionHistory = field(default_factory=DecisionHistory)
    records: RequestHistory = field(default_factory=lambda: RequestHistory(records_file()))
    machine: MachineHistory = field(default_factory=lambda: MachineHistory(records_file()))
    bodies: BodyReader = field(default_factory=BodyReader)
    prober: ModelProber | None = None
    reload: Reload | None = None
    responses: ResponseStore | None = None
    keys: KeyRing | None = None
    loops: LoopGuard = field(default_factory=LoopGuard)
    recent: RecentEvents = field(default_factory=RecentEvents)

    def for_inference(self) -> InferenceServices:
        """Return what answering requests needs."""
        return InferenceServices(
            catalog=self.catalog,
            router=self.router,
            dispatcher=self.dispatcher,
            upstreams=self.instances,
            sinks=self.sinks,
            timeouts=self.timeouts,
            started=self.wall_time(self.started),
            server=self._server_settings,
            bodies=self.bodies,
            responses=self.responses,
            screen=Screen(self.catalog),
            loops=self.loops,
        )

    def _server_settings(self) -> ServerSettings:
        settings = self.catalog.server
        if self.commit_after is self.keep_alive_every is None:
            return settings
        commit_after = self.commit_after or settings.commit_after
        every = self.keep_alive_every or settings.keep_alive_every
        return replace(settings, commit_after=commit_after, keep_alive_every=every)

    def for_admin(self) -> AdminServices:
        """Return what the owner's routes need."""
        return AdminServices(
            catalog=self.catalog,
            router=self.router,
            dispatcher=self.dispatcher,
            instances=self.instances,
            memory=self.memory,
            sensors=self.sensors,
            history=self.history,
            records=self.records,
            addresses=self.addresses,
            wall_time=self.wall_time,
            prober=self.prober,
            recent=self.recent,
        )

    def for_ollama(self) -> OllamaServices:
        """Return what clients of Ollama are told of."""
        return OllamaServices(
            catalog=self.catalog,
            router=self.router,
            dispatcher=self.dispatcher,
            instances=self.instances,
            memory=self.memory,
            started=self.wall_time(self.started),
            wall_time=self.wall_time,
        )

    def for_health(self) -> HealthServices:
        """Return what probes need."""
        return HealthServices(self.boot, self.dispatcher, self.instances, self.metrics, self.memory.cards)


class RequestContext(NamedTuple):
    """A request in hand: its sender, the dialect of its path, and the trace that its answer will carry.

    *name* is what a path's ``{name}`` stood for. A tuple, since one is made for each request.
    """

    request: web.BaseRequest
    trace: RequestTrace
    principal: Principal = ANONYMOUS
    dialect: Dialect = Dialect.OPENAI_CHAT
    name: str = ""


Handler = Callable[[RequestContext], Awaitable[web.StreamResponse]]

Route = tuple[str, str, Handler]
"""Method, path and handler. A path may hold one ``{name}``, which spans slashes: models are called org/name."""
