"""What all servers have in common: a session, facts and usage."""

import asyncio
import os

from hostd.backends.contract import Attachment, Endpoint, ServerFacts
from hostd.backends.http.client import HttpClient
from hostd.supervisor import server as module
from hostd.supervisor.attached_server import AttachedServer
from hostd.supervisor.process.process_memory import ProcessUsage
from tests.supervisor.test_launch import Remote
from tests.virtual_time import in_virtual_time

NOWHERE = Attachment(Endpoint("http://127.0.0.1:1", "alpha"), "/health", 1)


class Telling(Remote):
    """A backend whose server reports its slots, or fails to."""

    failure: Exception | None = None
    seconds = 0.0

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Report one slot."""
        del http, endpoint
        await asyncio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return ServerFacts(slots=1)


@in_virtual_time
async def test_facts_are_not_waited_for() -> None:
    """A server that cannot report them, or not in time, is used without them."""
    backend = Telling()
    server = AttachedServer(backend, NOWHERE)
    assert ServerFacts(slots=1) == await server.describe()
    backend.seconds = module.DESCRIBES + 1
    assert ServerFacts() == await server.describe()
    backend.seconds, backend.failure = 0.0, ValueError("no document")
    assert ServerFacts() == await server.describe()
    await server.close()


async def test_usage_is_that_of_its_process() -> None:
    """Nothing is known of a server whose process is not known."""

    class Here(AttachedServer):
        @property
        def pid(self) -> int | None:
            return os.getpid()

    here, elsewhere = Here(Remote(), NOWHERE), AttachedServer(Remote(), NOWHERE)
    assert ProcessUsage() == await elsewhere.usage()
    assert (await here.usage()).rss_bytes > 1 << 20
    for server in (here, elsewhere):
        await server.close()
        assert server.http.closed
