"""Answers of models on the wire: framed right, in as few writes as can be, and never to a client that is gone."""

import asyncio
from collections.abc import Iterable

import pytest
from aiohttp import web

from hostd.gateway.http.answers import StreamedAnswer, WholeAnswer
from hostd.gateway.http.connection import ClientConnection
from hostd.gateway.http.connections import Connections
from tests.gateway.http.test_connection import Wire

LINES = "x-request-id: r\r\nContent-Type: text/plain\r\n"
ONE_ONE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
ONE_ZERO = b"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"


class Writes(Wire):
    """Keeps the writes apart."""

    def __init__(self, connection: ClientConnection) -> None:
        self.pieces: list[bytes] = []
        super().__init__(connection)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep one."""
        self.pieces.append(bytes(data))
        super().write(data)


async def answered(request: bytes, pieces: Iterable[bytes] | None, body: bytes = b"") -> Writes:
    """Return what a client gets that sends *request* and is answered by the stream of *pieces*, or by *body*."""

    async def answer(received: web.BaseRequest) -> web.StreamResponse:
        if pieces is None:
            return WholeAnswer(LINES, body)
        stream = StreamedAnswer(LINES)
        await stream.prepare(received)
        for piece in pieces:
            await stream.write(piece)
        await stream.write_eof(b"end")
        return stream

    wire = Writes(Connections(answer)())
    await wire.send(request)
    return wire


def head_of(sent: bytes) -> dict[str, str]:
    """Return the headers of an answer."""
    head = sent.partition(b"\r\n\r\n")[0].decode()
    return dict(line.split(": ", 1) for line in head.split("\r\n")[1:])


async def test_a_whole_answer_is_one_write() -> None:
    """Head and body together, with its length, the date and the server's name."""
    wire = await answered(ONE_ONE, None, b"hello")
    assert 1 == len(wire.pieces)
    assert wire.sent.startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.sent.endswith(b"\r\n\r\nhello")
    assert {"x-request-id", "Content-Type", "Content-Length", "Date", "Server"} == set(head_of(wire.sent))
    assert "5" == head_of(wire.sent)["Content-Length"]
    wire.close()


async def test_a_large_body_is_not_copied() -> None:
    """It is written as it is, behind its head."""
    body = b"x" * 200_000
    wire = await answered(ONE_ONE, None, body)
    assert [body] == wire.pieces[1:]
    wire.close()


async def test_a_connection_is_kept_as_its_client_asks() -> None:
    """By default from HTTP/1.1 on, by its word before, and not where it says close."""
    wire = await answered(ONE_ONE, None)
    await wire.send(ONE_ONE)
    assert 2 == wire.sent.count(b"HTTP/1.1 200 OK")
    wire.close()
    assert "keep-alive" == head_of((await answered(ONE_ZERO, None)).sent)["Connection"]
    ended = await answered(ONE_ONE.replace(b"Host", b"Connection: close\r\nHost"), None)
    assert ("close", True) == (head_of(ended.sent)["Connection"], ended.closed)


async def test_a_stream_begins_with_its_first_piece() -> None:
    """The head goes out with it, and the end with the last one."""
    wire = await answered(ONE_ONE, [b"a", b"bc"])
    assert "chunked" == head_of(wire.sent)["Transfer-Encoding"]
    assert wire.pieces[0].endswith(b"\r\n\r\n1\r\na\r\n")
    assert [b"2\r\nbc\r\n", b"3\r\nend\r\n0\r\n\r\n"] == wire.pieces[1:]
    wire.close()


async def test_a_stream_without_chunks_ends_with_its_connection() -> None:
    """HTTP/1.0 knows no other end, whatever its client asks for."""
    wire = await answered(ONE_ZERO, [b"a"])
    assert wire.sent.endswith(b"\r\n\r\naend")
    assert not {"Transfer-Encoding", "Connection"} & set(head_of(wire.sent))
    assert wire.closed


async def test_nothing_is_written_to_a_client_that_is_gone() -> None:
    """The answer's maker is told."""
    failed: list[BaseException] = []

    async def answer(received: web.BaseRequest) -> web.StreamResponse:
        stream = StreamedAnswer(LINES)
        await stream.prepare(received)
        wire.closed = True
        try:
            stream.push(b"a")
        except ConnectionError as error:
            failed.append(error)
        return stream

    wire = Writes(Connections(answer)())
    await wire.send(ONE_ONE)
    assert (1, b"") == (len(failed), wire.sent)


async def test_requests_of_a_connection_share_its_task() -> None:
    """Another task for each would cost two turns of the loop."""
    tasks = set()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        tasks.add(asyncio.current_task())
        return WholeAnswer(LINES, b"")

    wire = Writes(Connections(answer)())
    await wire.send(ONE_ONE + ONE_ONE)
    assert (2, 1) == (wire.sent.count(b"200 OK"), len(tasks))
    wire.close()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_an_end_is_written_once(version: bytes) -> None:
    """The server asks for it again."""

    async def answer(received: web.BaseRequest) -> web.StreamResponse:
        stream = StreamedAnswer(LINES)
        await stream.prepare(received)
        await stream.write_eof(b"all")
        await stream.write_eof()
        return stream

    wire = Writes(Connections(answer)())
    await wire.send(ONE_ONE.replace(b"1.1", version))
    assert 1 == len(wire.pieces)
    wire.close()
