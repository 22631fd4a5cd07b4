"""What the doors know of the house: handed to every handler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hostd.domain.profile import Settings
from hostd.gateway.vigil import Watch
from hostd.hardware.probe import Sensors
from hostd.runtime.chronicle import Chronicle
from hostd.runtime.dispatcher import Dispatcher
from hostd.runtime.instance import Instance
from hostd.runtime.keeper import Keeper
from hostd.runtime.metrics import Metrics
from hostd.runtime.records import Records
from hostd.scheduling.routing import Directory


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
