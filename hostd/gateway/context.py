"""What the doors know of the house: handed to every handler."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from hostd.dialects.base import Dialect
from hostd.domain.principal import ANONYMOUS, Principal
from hostd.domain.profile import Settings
from hostd.gateway.request_trace import RequestTrace
from hostd.gateway.timeouts import TimeoutMonitor
from hostd.hardware.probe import Sensors
from hostd.routing.router import Router
from hostd.runtime.dispatcher import Dispatcher
from hostd.supervisor.instance import Instance
from hostd.supervisor.memory_monitor import MemoryMonitor
from hostd.telemetry.decision_history import DecisionHistory
from hostd.telemetry.metrics import Metrics
from hostd.telemetry.record_writer import RecordWriter


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts of a running daemon that answering needs.

    *addresses* are those that it really listens on. *at* turns a time of the loop's clock into one of the calendar. *records*
    keep nothing unless they are given a file.
    """

    settings: Settings
    router: Router
    dispatcher: Dispatcher
    instances: Mapping[str, Instance]
    metrics: Metrics
    timeouts: TimeoutMonitor
    memory: MemoryMonitor
    wall_time: Callable[[float], datetime]
    started: float
    addresses: list[str] = field(default_factory=list)
    keep_alive_every: float = 10.0
    sensors: Sensors = field(default_factory=Sensors)
    records: RecordWriter = field(default_factory=RecordWriter)
    history: DecisionHistory = field(default_factory=DecisionHistory)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, of which house, and the trail that the answer will tell. *name* is what a path's ``{name}`` stood for."""

    app: AppContext
    request: web.BaseRequest
    trace: RequestTrace
    principal: Principal = ANONYMOUS
    dialect: Dialect = Dialect.OPENAI_CHAT
    name: str = ""


Handler = Callable[[RequestContext], Awaitable[web.StreamResponse]]

Route = tuple[str, str, Handler]
"""Method, path and handler. A path may hold one ``{name}``, which spans slashes: models are called org/name."""
