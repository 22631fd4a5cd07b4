"""The server behind an instance: a process of hostd's own (`engine_server`), or one that ran before (`attached_server`)."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from hostd.backends.contract import Attachment, Backend, Launch, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.domain.errors import EngineError
from hostd.domain.profile import Limits
from hostd.domain.progress import EngineProgress
from hostd.domain.ticket import Task
from hostd.hardware.card_use import card_use
from hostd.planning.warm_set.load_option import LoadOption
from hostd.supervisor.health.activity import Activity, measure
from hostd.supervisor.health.progress_monitor import ProgressMonitor
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.readiness import Readiness
from hostd.supervisor.health.watchdog import HealthMonitor, ProbeTimings, Watchdog
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.process_memory import ProcessUsage, group_usage

DESCRIBES = 2.0
"""Seconds that a server has to report what it can do; what it does not report by then is not waited for."""


class Server(ABC):
    """One running server, how it was reached, and a session to talk to it."""

    def __init__(self, backend: Backend, launch: Launch | Attachment, held: Callable[[], bool] | None = None) -> None:
        self.backend = backend
        self.launch = launch
        self.http = HttpClient(launch.endpoint.socket, held)
        self.option: LoadOption | None = None
        """How hostd has placed the server; None where it has not."""

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """The process that serves, where it is on this machine and known."""

    @property
    def cards(self) -> frozenset[str]:
        """The pools of the cards that the server was put on, which then compute for it."""
        return frozenset() if self.option is None else frozenset(pool for pool, _ in self.option.placement.devices)

    @abstractmethod
    def readiness(self, ring: LogRing) -> Readiness:
        """Return the wait for the server's first token."""

    @abstractmethod
    def watchdog(
        self, saturated: Callable[[], bool], timings: ProbeTimings, tracker: ProgressTracker, *, task: Task
    ) -> Watchdog | HealthMonitor:
        """Return what finds a server that no longer answers; *saturated* tells whether all slots are taken."""

    def monitor(self, limits: Callable[[], Limits], busy: Callable[[], bool]) -> ProgressMonitor:
        """Return what sees whether the server gets on with its requests; *busy* tells whether there are any."""

        async def report() -> EngineProgress | None:
            return await self.backend.progress(self.http, self.launch.endpoint)

        reports = bool(self.backend.report_request(self.launch.endpoint))
        return ProgressMonitor(limits, report, self.activity, busy, reports=reports)

    async def activity(self) -> Activity:
        """Return what the server's processes have used so far; nothing where they are not known."""
        pid, now = self.pid, asyncio.get_running_loop().time
        if pid is None:
            return Activity(now())
        return await asyncio.to_thread(lambda: measure(pid, now(), card_use, uses_card=bool(self.cards)))

    @abstractmethod
    async def ended(self) -> EngineError:
        """Return, once the server's process has ended, how that happened."""

    @abstractmethod
    async def died_within(self, seconds: float) -> bool:
        """Return whether a connection that broke just now means that the server has ended, waiting *seconds* to see it."""

    @abstractmethod
    async def unhealthy_within(self, seconds: float) -> bool:
        """Return whether the server turns out within *seconds* to be ended or unwell; one that says nothing may be busy."""

    @abstractmethod
    async def kill(self) -> None:
        """End a process that no longer answers, at once."""

    @abstractmethod
    async def close(self) -> None:
        """Give the server up, breaking off the responses that are still read."""

    async def describe(self) -> ServerFacts:
        """Return what the server reports about itself; nothing where it fails to."""
        with suppress(TimeoutError, EngineError, ExchangeError, OSError, ValueError):
            async with asyncio.timeout(DESCRIBES):
                return await self.backend.describe(self.http, self.launch.endpoint)
        return ServerFacts()

    async def usage(self) -> ProcessUsage:
        """Return what the server's processes hold and have used so far; nothing where they are not known."""
        pid = self.pid
        return ProcessUsage() if pid is None else await asyncio.to_thread(group_usage, pid)
