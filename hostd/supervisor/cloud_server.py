"""A cloud provider behind an instance: ready at once, and looked at only when a request has failed there."""

import asyncio
from collections.abc import Callable
from functools import partial

from hostd.backends.contract import Attachment, Backend, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.backends.http.tunnel import proxy_for
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.supervisor.attached_server import AttachedServer
from hostd.supervisor.health import health_probe
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.readiness import AttachedReadiness, poll_pauses
from hostd.supervisor.health.watchdog import FailureMonitor, ProbeTimings
from hostd.supervisor.process.log_ring import LogRing

_LISTS = 2.0
"""Seconds within which a provider that is well lists its models."""


class CloudServer(AttachedServer):
    """A server that is paid for, with no process of this machine. The environment may name a proxy that leads to it."""

    def __init__(self, backend: Backend, attachment: Attachment) -> None:
        super().__init__(backend, attachment)
        try:
            proxy = proxy_for(attachment.endpoint.url)
        except ValueError as error:
            raise EngineError(str(error), exit_class=ExitClass.BAD_FLAG) from None
        self.http = HttpClient(proxy=proxy)

    @property
    def pid(self) -> None:
        """None, even where a proxy of this machine leads to it."""

    def readiness(self, ring: LogRing) -> "CloudReadiness":
        """Return the wait for a provider that had gone away; any other is ready."""
        loads = partial(self.backend.open, self.http, self.launch.endpoint)
        return CloudReadiness(self.launch, self.http, ring, loads)

    def watchdog(
        self,
        saturated: Callable[[], bool],  # noqa: ARG002 - as of any attached server
        timings: ProbeTimings,
        tracker: ProgressTracker,  # noqa: ARG002 - as above
        *,
        task: Task,  # noqa: ARG002 - as above
    ) -> FailureMonitor:
        """Return what sees that the provider cannot be reached any more."""
        return FailureMonitor(self._healthy, timings)

    async def describe(self) -> ServerFacts:
        """Return nothing: the owner has written down what matters."""
        return ServerFacts()

    async def unhealthy_within(self, seconds: float) -> bool:
        """Return whether the provider does not list its models, which takes it no time whatever else it is busy with."""
        try:
            async with asyncio.timeout(min(seconds, _LISTS)):
                return not await self._healthy()
        except TimeoutError:
            return True

    async def kill(self) -> None:
        """Have the provider looked at before it is used again."""
        self.backend.gone(self.launch.endpoint)

    async def _healthy(self) -> bool:
        return await health_probe.answers(self.http, self.launch.endpoint, self.launch.health)


class CloudReadiness(AttachedReadiness):
    """Returns at once, unless the provider had gone away: then when it answers again."""

    _launch: Attachment

    async def _prove(self, *, task: Task) -> EngineError | None:  # noqa: ARG002 - a token would have to be paid for
        for pause in poll_pauses():
            if self._launch.ready or await health_probe.answers(self._http, self._launch.endpoint, self._launch.health):
                break
            await asyncio.sleep(pause)
        self._healthy = True
        await self._loads()
        return None
