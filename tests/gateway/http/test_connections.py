"""Connections are bounded, and newcomers find a place as long as somebody only waits."""

import asyncio
from functools import partial

import pytest
from aiohttp import web

from hostd.gateway.http.body_budget import BodyBudget
from hostd.gateway.http.connection import Phase
from hostd.gateway.http.connections import MOST, Connections, bound_for, peer_of
from hostd.gateway.request import HttpRequest
from tests.gateway.http.test_connection import GET, POST, Wire
from tests.virtual_time import in_virtual_time


async def _never(request: web.BaseRequest) -> web.StreamResponse:
    if request.method == "POST":
        await request.read()
    else:
        await asyncio.Event().wait()
    return web.Response(text="hello")


@pytest.mark.parametrize(("descriptors", "most"), [(256, 96), (1024, 480), (20_000, MOST), (64, 8), (0, 8)])
def test_leaves_descriptors_to_engines(descriptors: int, most: int) -> None:
    """Each client may need a connection to an engine, and hostd some files of its own."""
    assert most == bound_for(descriptors)


@in_virtual_time
async def test_has_room_below_its_bound() -> None:
    """And closes nobody."""
    server = Connections(_never, most=2)
    wire = Wire(server())
    assert server.make_room()
    assert not wire.closed
    wire.close()
    await asyncio.sleep(2)


@in_virtual_time
async def test_the_oldest_of_the_silent_make_room() -> None:
    """Before those who are kept for a next request, and those who send a body."""
    server = Connections(_never, most=4)
    kept, sending, silent = [Wire(server()) for _ in range(3)]
    await asyncio.sleep(0.5)
    newer = Wire(server())
    await kept.send(POST + b"Content-Length: 0\r\n\r\n")
    await sending.send(POST + b"Content-Length: 100\r\n\r\n{")
    await asyncio.sleep(1)
    for expected in (silent, newer, kept, sending):
        assert not expected.closed
        assert server.make_room()
        assert expected.closed
        await asyncio.sleep(0)
        server._connections[server()] = expected  # the newcomer, which does nothing
    assert b" 408 " in sending.sent


@in_virtual_time
async def test_waits_for_first_requests() -> None:
    """Of those who have connected, for a while; not for those who had an answer before."""
    server, loop = Connections(_never), asyncio.get_running_loop()
    kept, new, silent = [Wire(server()) for _ in range(3)]
    await kept.send(POST + b"Content-Length: 0\r\n\r\n")
    began, waiting = loop.time(), asyncio.ensure_future(server.first_requests(1.0))
    await asyncio.sleep(0.3)
    await new.send(GET)
    assert not waiting.done()
    await waiting
    assert 1.0 <= loop.time() - began < 1.1
    silent.close()
    began = loop.time()
    await server.first_requests(1.0)
    assert loop.time() - began < 0.1
    for wire in (kept, new):
        wire.close()
    await asyncio.sleep(2)


@in_virtual_time
async def test_who_is_served_keeps_the_place() -> None:
    """Then there is none for newcomers."""
    server = Connections(_never, most=2)
    wires = [Wire(server()) for _ in range(2)]
    for wire in wires:
        await wire.send(GET)
        assert Phase.ANSWER is wire.connection.phase
    assert not server.make_room()
    assert not any(wire.closed for wire in wires)
    for wire in wires:
        wire.close()
    await asyncio.sleep(2)


@in_virtual_time
async def test_a_peer_with_its_share_makes_room_itself() -> None:
    """Its own waiting connections are closed for it, and nobody else's; with none it is refused while others are not."""
    server = Connections(_never, most=8)
    other = Wire(server(), peer="10.0.0.2")
    crowd = [Wire(server(), peer="10.0.0.1") for _ in range(6)]
    for wire in crowd[1:]:
        await wire.send(GET)
    assert server.make_room("10.0.0.1")
    assert [True] + [False] * 5 == [wire.closed for wire in crowd]
    await asyncio.sleep(0)
    busy = Wire(server(), peer="10.0.0.1")
    await busy.send(GET)
    assert (False, True) == (server.make_room("10.0.0.1"), server.has_share("10.0.0.1"))
    assert server.make_room("10.0.0.3")
    assert not other.closed
    for wire in (busy, *crowd):
        wire.close()
    await asyncio.sleep(1)
    assert server.make_room("10.0.0.1")
    other.close()
    await asyncio.sleep(2)


@pytest.mark.parametrize(
    ("address", "peer"), [(("127.0.0.1", 5), "127.0.0.1"), (("::1", 5, 0, 0), "::1"), ("", ""), (None, "")]
)
def test_a_peer_is_an_address(address: object, peer: str) -> None:
    """All clients at a unix socket are one."""
    assert peer == peer_of(address)


@in_virtual_time
async def test_a_crowd_is_looked_at_in_parts() -> None:
    """A thousand silent connections are closed in their time, and none costs the others a pause."""
    server = Connections(_never)
    wires = [Wire(server()) for _ in range(1000)]
    await asyncio.sleep(14)
    assert all(wire.closed for wire in wires)
    assert "<Connections 0 of 4096>" == repr(server)


@in_virtual_time
async def test_who_loses_the_place_is_no_mistake_of_ours() -> None:
    """A body that was given up is not read on, whatever of it is there."""
    failures: list[BaseException] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            await request.read()
        except BaseException as error:
            failures.append(error)
            raise
        return web.Response()

    budget = BodyBudget(1000)
    server = Connections(answer, most=1, request_factory=partial(HttpRequest, budget=budget))
    wire = Wire(server())
    await wire.send(POST + b"Content-Length: 100\r\n\r\n{")
    wire.connection.data_received(b" ")
    wire.connection.give_place()
    await asyncio.sleep(2)
    assert all(isinstance(failure, (ConnectionError, asyncio.CancelledError)) for failure in failures)
    assert len(failures) == 1
