"""An engine that hostd started: proven ready, watched, and ended with everything that belongs to it."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from hostd.backends.addresses import port_of
from hostd.backends.contract import Engine, Launch
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.supervisor.health import health_probe
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.readiness import EngineReadiness
from hostd.supervisor.health.watchdog import ProbeTimings, Watchdog
from hostd.supervisor.kept_engines import KeptEngine, KeptEngines
from hostd.supervisor.launch import PreparedAttachment, PreparedLaunch
from hostd.supervisor.process.engine_process import EngineProcess
from hostd.supervisor.process.listening_socket import ListeningSocket
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.process.process_memory import group_usage
from hostd.supervisor.process.socket_folder import remove_stale
from hostd.supervisor.server import Server

OUTPUT_LINES = 200
"""Last lines of the log in which the cause of an exit is looked for: other threads of an engine log on long after it."""

_SHOWN = 20

_SIGNALS_FROM_OUTSIDE = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
_TOLD_TO_END = {0, *(-number for number in _SIGNALS_FROM_OUTSIDE), *(128 + number for number in _SIGNALS_FROM_OUTSIDE)}
"""Exit statuses of an engine that was ended from outside: by the owner, the kernel for want of memory, another program. No request
does that. Programs that start others report a signal by 128 and its number, as shells do."""


class EngineServer(Server):
    """A process of hostd's own."""

    launch: Launch

    def __init__(self, engine: Engine, launch: Launch, process: EngineProcess, ring: LogRing, began: int = 0) -> None:
        path = launch.endpoint.socket
        # A socket in a folder that only this user can enter needs no proof.
        self.socket = None if path else ListeningSocket(port_of(launch.endpoint.url), process.family)
        super().__init__(
            engine, launch, None if self.socket is None else lambda: self.socket is None or self.socket.is_held
        )
        self.engine = engine
        self._process = process
        self._ring = ring
        self._began = began

    @classmethod
    async def spawn(
        cls, prepared: PreparedLaunch, ring: LogRing, reaper: OrphanReaper, model: str, *, lasting: bool = False
    ) -> Self:
        """Start the process of *prepared*; a *lasting* one can outlive this daemon.

        Raises:
            EngineError: It cannot be started.
        """
        began = ring.count
        launch = prepared.launch
        ring.hide(launch.secrets, prepared.backend.without_quotes())
        process = await EngineProcess.spawn(
            launch.argv, launch.env, ring=ring, reaper=reaper, model=model, lasting=lasting
        )
        return cls(prepared.backend, launch, process, ring, began)

    @classmethod
    def adopt(cls, kept: KeptEngine, ring: LogRing, reaper: OrphanReaper) -> Self:
        """Go on with an engine that an earlier daemon started.

        Raises:
            EngineError: It has ended meanwhile.
        """
        began, engine, launch = ring.count, kept.prepared.backend, kept.prepared.launch
        ring.hide(launch.secrets, engine.without_quotes())
        try:
            process = EngineProcess.adopt(kept.record, ring=ring, reaper=reaper)
        except OSError as error:
            raise EngineError(f"it cannot be gone on with: {error.strerror or error}") from error
        return cls(engine, launch, process, ring, began)

    async def note_serving(self, kept: KeptEngines, prepared: PreparedLaunch | PreparedAttachment) -> None:
        """Have *kept* note that the engine serves as *prepared* says."""
        if isinstance(prepared, PreparedLaunch):
            await kept.serving(self._process, prepared)

    def is_left_by(self, kept: KeptEngines | None) -> bool:
        """Return whether the engine is to be left running now, instead of being ended."""
        return kept is not None and kept.leaves(self._process)

    def release(self) -> None:
        """Leave the engine running, with whatever it has from this daemon given up."""
        self.http.close()
        self._process.release()

    @property
    def pid(self) -> int | None:
        """The process that leads the engine's group."""
        return self._process.pid

    def readiness(self, ring: LogRing) -> EngineReadiness:
        """Return the wait for the end of the load and the first token."""
        loads = partial(self.backend.open, self.http, self.launch.endpoint)
        usage = partial(group_usage, self._process.pid)
        return EngineReadiness(self.launch, self.http, ring, loads, usage, self.socket)

    def watchdog(
        self, saturated: Callable[[], bool], timings: ProbeTimings, tracker: ProgressTracker, *, task: Task
    ) -> Watchdog:
        """Return what finds an engine whose health page is fine but that no longer answers."""
        endpoint = self.launch.endpoint

        async def turns() -> bool:
            return await self.backend.turns(self.http, endpoint)

        async def answers() -> bool:
            return await health_probe.one_token(self.http, endpoint, task=task) is None

        return Watchdog(turns, answers, saturated, self.activity, tracker, timings)

    async def ended(self) -> EngineError:
        """Return, once the process has ended, how that happened."""
        status = await self._process.wait()
        # Only what this process logged, and not an earlier one.
        tail = self._ring.tail(min(OUTPUT_LINES, self._ring.count - self._began))
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if self._process.is_adopted:
            how = "ended, with a status that only the daemon which started it would have seen"
        exit_class = self.engine.classify(status, tail)
        # An unknown cause shows the end of the log; a known one ends with the line that gave it away.
        if exit_class is ExitClass.UNKNOWN:
            crashed = status not in _TOLD_TO_END
            return EngineError(f"the engine {how}", exit_class=exit_class, tail=tail[-_SHOWN:], self_inflicted=crashed)
        telling = [number for number, line in enumerate(tail) if self.engine.classify(status, (line,)) is exit_class]
        if telling:
            # The line that gave the class ends what is shown: what follows it is other threads' noise.
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

    async def unhealthy_within(self, seconds: float) -> bool:
        """Return whether the process ends within *seconds*."""
        return await self.died_within(seconds)

    async def kill(self) -> None:
        """End the process without a grace: a wedged engine would not hear SIGTERM, and requests still queue for it."""
        await self._process.stop(0.0)

    async def close(self) -> None:
        """End the process, and see that nothing of it is left."""
        if not await self.died_within(0.0):
            # An engine may wait for its clients before it obeys. Of a dead one, the last bytes may still be on their way.
            self.http.close()
        await self._process.stop(self.launch.grace)
        self.http.close()
        if self.launch.endpoint.socket is not None:
            # Few engines remove theirs, and none that was killed.
            await asyncio.to_thread(remove_stale, Path(self.launch.endpoint.socket))
