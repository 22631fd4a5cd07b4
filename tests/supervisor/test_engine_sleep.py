"""Sleep is believed when the memory was seen to go down, and not before."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from hostd.backends.contract import Endpoint
from hostd.domain.errors import EngineError
from hostd.domain.ticket import Task
from hostd.supervisor.engine_sleep import fall_asleep, wake_up
from tests.http_client import client
from tests.virtual_time import in_virtual_time

GIB = 1 << 30
NOWHERE = Endpoint("http://127.0.0.1:1", "alpha")


@dataclass
class Sleeper:
    """An engine that holds *full*, and *empty* from *seconds* after it was told to sleep on."""

    full: Mapping[str, int]
    empty: Mapping[str, int]
    seconds: float = 0.0
    refuses: bool = False
    deaf: bool = False
    calls: list[str] = field(default_factory=list)
    slept_at: float = 1e9

    async def sleep(self) -> None:
        """Report that it sleeps, or not."""
        self.calls.append("sleep")
        if self.deaf:
            await asyncio.Event().wait()
        if self.refuses:
            raise EngineError("it answered 404")
        self.slept_at = asyncio.get_running_loop().time()

    async def wake(self) -> None:
        """Report that it is awake, or not."""
        self.calls.append("wake")
        if self.deaf:
            await asyncio.Event().wait()

    async def held(self) -> Mapping[str, int]:
        """Return what it holds now."""
        now = asyncio.get_running_loop().time()
        return self.full if now < self.slept_at + self.seconds else self.empty

    async def fall(self) -> str | None:
        """Put it to sleep."""
        return await fall_asleep(self.sleep, self.held)


@in_virtual_time
async def test_sleeps_when_its_memory_is_back() -> None:
    """It is waited for until a third at least is released; what moved to host memory does not count against it."""
    sleeper = Sleeper({"cuda:0": 20 * GIB, "ram": GIB}, {"cuda:0": GIB, "ram": 20 * GIB}, seconds=3.0)
    assert None is await sleeper.fall()
    assert 3.0 <= asyncio.get_running_loop().time() - sleeper.slept_at <= 3.5
    assert ["sleep"] == sleeper.calls


@in_virtual_time
async def test_an_engine_without_devices_must_give_back_host_memory() -> None:
    """On a processor alone, host memory is what sleep is about."""
    assert None is await Sleeper({"ram": 3 * GIB}, {"ram": 2 * GIB}).fall()
    assert "still holds" in (await Sleeper({"ram": 3 * GIB}, {"ram": 2 * GIB + 1}).fall() or "")


@in_virtual_time
async def test_a_pretence_is_seen_through() -> None:
    """An engine that keeps its memory for ten seconds does not sleep, whatever it says."""
    sleeper = Sleeper({"ram": 4 * GIB}, {"ram": 4 * GIB})
    assert "it says that it sleeps, but still holds 4GiB of 4GiB" == await sleeper.fall()
    assert 10.0 <= asyncio.get_running_loop().time() - sleeper.slept_at <= 10.5


@in_virtual_time
async def test_an_engine_that_will_not_sleep_says_why() -> None:
    """Its refusal and its silence are both sentences."""
    assert "it answered 404" == await Sleeper({"ram": GIB}, {}, refuses=True).fall()
    assert "it did not fall asleep within 60 s" == await Sleeper({"ram": GIB}, {}, deaf=True).fall()


class Answering:
    """A server that answers a request for a token with *status*."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def __aenter__(self) -> Endpoint:
        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=self.status, text="a token, or not")

        self.runner = web.ServerRunner(web.Server(answer))
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return Endpoint(f"http://127.0.0.1:{self.runner.addresses[0][1]}", "alpha")

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


@in_virtual_time
async def test_awake_means_a_token() -> None:
    """An engine that says it is awake has to show it."""
    sleeper = Sleeper({}, {})
    async with client() as http:
        async with Answering(200) as endpoint:
            await wake_up(sleeper.wake, http, endpoint, task=Task.TEXT)
        async with Answering(500) as endpoint:
            with pytest.raises(
                EngineError, match="says that it is awake, but failed a one-token request with status 500"
            ):
                await wake_up(sleeper.wake, http, endpoint, task=Task.TEXT)
    assert ["wake", "wake"] == sleeper.calls


@in_virtual_time
async def test_an_engine_that_does_not_wake_is_given_up() -> None:
    """After five minutes, which is more than reading its weights anew takes."""
    async with client() as http:
        with pytest.raises(EngineError, match="did not wake within 300 s"):
            await wake_up(Sleeper({}, {}, deaf=True).wake, http, NOWHERE, task=Task.TEXT)
