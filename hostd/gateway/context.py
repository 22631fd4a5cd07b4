"""What the doors know of the house: handed to every handler."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from hostd.domain.profile import Settings
from hostd.gateway.request_trace import Trail
from hostd.gateway.timeouts import Watch
from hostd.hardware.probe import Sensors
from hostd.routing.router import Directory
from hostd.runtime.dispatcher import Dispatcher
from hostd.supervisor.instance import Instance
from hostd.supervisor.memory_monitor import Keeper
from hostd.telemetry.decision_history import Chronicle
from hostd.telemetry.metrics import Metrics
from hostd.telemetry.record_writer import Records


@dataclass(frozen=True, slots=True)
class House:
    """The parts of a running daemon that answering needs.

    *addresses* are those that it really listens on. *at* turns a time of the loop's clock into one of the calendar. *records*
    keep nothing unless they are given a file.
    """

    settings: Settings
    directory: Directory
    dispatcher: Dispatcher
    instances: Mapping[str, Instance]
    metrics: Metrics
    watch: Watch
    keeper: Keeper
    at: Callable[[float], datetime]
    started: float
    addresses: list[str] = field(default_factory=list)
    keep_alive_every: float = 10.0
    sensors: Sensors = field(default_factory=Sensors)
    records: Records = field(default_factory=Records)
    chronicle: Chronicle = field(default_factory=Chronicle)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, of which house, and the trail that the answer will tell. *name* is what a path's ``{name}`` stood for."""

    house: House
    request: web.BaseRequest
    trail: Trail
    name: str = ""


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]

Route = tuple[str, str, Handler]
"""Method, path and handler. A path may hold one ``{name}``, which spans slashes: models are called org/name."""
