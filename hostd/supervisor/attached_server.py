"""A server that ran before hostd did, and runs on after it: used, watched by its health page, never ended."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hostd.backends.addresses import local_pid
from hostd.backends.contract import Attachment, Backend, ServerFacts
from hostd.backends.http.errors import ExchangeError
from hostd.domain.errors import EngineError
from hostd.domain.ticket import Task
from hostd.supervisor.health import health_probe
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.readiness import AttachedReadiness
from hostd.supervisor.health.watchdog import HealthMonitor, ProbeTimings
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.server import Server

CLOSES = 5.0
"""Seconds that the server has to unload its model when hostd no longer needs it."""


class AttachedServer(Server):
    """A server that hostd did not start, on this machine or another."""

    launch: Attachment

    def __init__(self, backend: Backend, attachment: Attachment) -> None:
        super().__init__(backend, attachment)
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The process that listens there, where it is on this machine and was found."""
        return self._pid

    def readiness(self, ring: LogRing) -> AttachedReadiness:
        """Return the wait for the first token of a server that should be there already."""
        loads = partial(self.backend.open, self.http, self.launch.endpoint)
        return AttachedReadiness(self.launch, self.http, ring, loads)

    def watchdog(
        self,
        saturated: Callable[[], bool],  # noqa: ARG002 - other clients may take its slots
        timings: ProbeTimings,
        tracker: ProgressTracker,  # noqa: ARG002 - its owner decides when it is stuck
        *,
        task: Task,  # noqa: ARG002 - only health is asked for
    ) -> HealthMonitor:
        """Return what sees that the server no longer runs."""
        return HealthMonitor(self._healthy_and_located, timings)

    async def describe(self) -> ServerFacts:
        """Return what the server reports about itself, and look for its process, now that it answers."""
        await self._locate()
        return await super().describe()

    async def ended(self) -> EngineError:
        """Never return: whether the server still runs is seen by its health alone."""
        await asyncio.Event().wait()
        raise AssertionError

    async def died_within(self, seconds: float) -> bool:  # noqa: ARG002 - as of an engine
        """Return False: that the server is gone is for its `HealthMonitor` to say, not for one broken connection."""
        return False

    async def unhealthy_within(self, seconds: float) -> bool:
        """Return whether the health page says within *seconds* that the server is unwell, or the connection is refused."""
        try:
            async with asyncio.timeout(seconds):
                return not await self._healthy()
        except TimeoutError:
            return False

    async def kill(self) -> None:
        """Leave the process to its owner."""

    async def close(self) -> None:
        """Have the server unload the model, where hostd had it loaded, and close the connections to it."""
        with suppress(TimeoutError, EngineError, ExchangeError, OSError):
            async with asyncio.timeout(CLOSES):
                await self.backend.close(self.http, self.launch.endpoint)
        self.http.close()

    async def _healthy(self) -> bool:
        return await health_probe.healthy(self.http, self.launch.endpoint, self.launch.health)

    async def _healthy_and_located(self) -> bool:
        well = await self._healthy()
        if well:
            # Where its owner has restarted it, it is another process by now.
            await self._locate()
        return well

    async def _locate(self) -> None:
        # Its memory counts in the ledger where it is on this machine, although hostd did not start it.
        self._pid = await asyncio.to_thread(local_pid, self.launch.endpoint.url)
