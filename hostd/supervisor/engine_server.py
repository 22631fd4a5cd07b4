"""The program behind an endpoint: a process of ours, or a server that somebody else runs.

Both are waited for, measured and put away through the same four members; only `SpawnedServer` ever ends anything.
"""

import asyncio
import signal
from typing import Protocol, Self

import aiohttp

from hostd.backends.addresses import local_pid
from hostd.backends.contract import Backend, Launch
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.supervisor import health_probe
from hostd.supervisor.engine_process import EngineProcess
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.orphan_reaper import OrphanReaper
from hostd.supervisor.process_memory import ProcessUsage, group_usage

READ_OUTPUT_SECONDS = 200
"""Lines of the log that may tell why an engine ended: what comes down with it talks long after the cause."""


_SHOWN = 20


class Server(Protocol):
    """What an instance asks of the program that serves it."""

    @property
    def pid(self) -> int | None:
        """Its process, where that is on this machine and known."""

    async def ended(self) -> EngineError:
        """Return, once its process has ended, how that happened."""

    async def died_within(self, seconds: float) -> bool:
        """Return whether it is gone, waiting *seconds* for that."""

    async def end(self, grace: float) -> None:
        """Put it away; one of ours has *grace* seconds between SIGTERM and SIGKILL."""


class SpawnedServer:
    """An engine that hostd started, and ends with everything that belongs to it."""

    def __init__(self, process: EngineProcess, backend: Backend, ring: LogRing, began: int = 0) -> None:
        self._process = process
        self._backend = backend
        self._ring = ring
        self._began = began

    @classmethod
    async def spawn(cls, launch: Launch, backend: Backend, ring: LogRing, reaper: OrphanReaper, model: str) -> Self:
        """Start the process of *launch*.

        Raises:
            EngineError: It cannot be started.
        """
        began = ring.count
        process = await EngineProcess.spawn(launch.argv, launch.env, ring=ring, reaper=reaper, model=model)
        return cls(process, backend, ring, began)

    @property
    def pid(self) -> int | None:
        """The process that leads the engine's group."""
        return self._process.pid

    async def ended(self) -> EngineError:
        """Return, once the process has ended, how that happened."""
        status = await self._process.wait()
        # Only what this process said, and not an earlier one.
        tail = self._ring.tail(min(READ_OUTPUT_SECONDS, self._ring.count - self._began))
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        exit_class = self._backend.classify(status, tail)
        if exit_class is ExitClass.UNKNOWN:
            return EngineError(f"the engine {how}", exit_class=exit_class, tail=tail[-_SHOWN:])
        telling = [number for number, line in enumerate(tail) if self._backend.classify(status, (line,)) is exit_class]
        if telling:
            tail = tail[: telling[-1] + 1]
        return EngineError(f"the engine {how} ({exit_class})", exit_class=exit_class, tail=tail[-_SHOWN:])

    async def died_within(self, seconds: float) -> bool:
        """Return whether the process ends within *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    async def end(self, grace: float) -> None:
        """End it, and see that nothing of it is left."""
        await self._process.stop(grace)


class AttachedServer:
    """A server that ran before hostd came and runs on when it goes: asked for its health, never ended."""

    def __init__(self, launch: Launch, http: aiohttp.ClientSession) -> None:
        self.pid: int | None = None
        self._launch = launch
        self._http = http

    async def find(self) -> None:
        """Look for its process, now that it answers."""
        self.pid = await asyncio.to_thread(local_pid, self._launch.endpoint.url)

    async def ended(self) -> EngineError:
        """Never return: whether it is still there is seen by its health alone."""
        await asyncio.Event().wait()
        raise AssertionError

    async def healthy(self) -> bool:
        """Return whether its health page says so."""
        return await health_probe.healthy(self._http, self._launch.endpoint, self._launch.health)

    async def died_within(self, seconds: float) -> bool:
        """Return whether it says within *seconds* that it is not well, or refuses to say anything."""
        try:
            async with asyncio.timeout(seconds):
                return not await self.healthy()
        except TimeoutError:
            return False

    async def end(self, grace: float) -> None:
        """Leave it alone."""


async def usage_of(server: Server | None) -> ProcessUsage:
    """Return what the processes of *server* hold and have used so far; nothing where they are not known."""
    if server is None or server.pid is None:
        return ProcessUsage()
    return await asyncio.to_thread(group_usage, server.pid)
