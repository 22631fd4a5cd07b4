"""What a server's bytes become, however they are cut, and what happens when they are wrong."""

import gzip
import itertools
import zlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.backends.http.connection import LARGEST_HEAD, MOST_INTERIM
from hostd.backends.http.errors import AnswerError, ConnectionLostError
from tests.backends.http.transport import Exchange

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
Framing = Callable[[Sequence[bytes]], tuple[bytes, bool]]


def sized(parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return an answer with a length."""
    body = b"".join(parts)
    return HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), False


def chunked(parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return an answer in chunks, with an extension and a trailer."""
    chunks = b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts if part)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: 1\r\n\r\n", False


def until_close(parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return an answer that the end of the connection ends."""
    return HEAD + b"\r\n" + b"".join(parts), True


def interim(parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return an answer after two interim ones."""
    data, close = sized(parts)
    return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n" + data, close


def interim_with_a_length(parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return an answer that lasts until the connection ends, after an interim one that had a length."""
    data, close = until_close(parts)
    return b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + data, close


def identity(parts: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return an answer that says it is not chunked."""
    return HEAD + b"Transfer-Encoding: identity\r\n\r\n" + b"".join(parts), True


FRAMINGS = st.sampled_from([sized, chunked, until_close, interim, interim_with_a_length, identity])


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Return *data* cut at *places*, which may lie outside of it."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(marks)]


@given(FRAMINGS, st.lists(st.binary(max_size=300), max_size=6), st.lists(st.integers(0, 3000), max_size=12))
def test_an_answer_is_the_same_however_it_is_cut(framing: Framing, parts: list[bytes], places: list[int]) -> None:
    """Status, type and body do not depend on where the network cuts the bytes; only an end of the connection costs it."""
    data, close = framing(parts)
    exchange = Exchange()
    exchange.feed(*cut(data, places), close=close)
    assert (True, 200, "text/event-stream", b"".join(parts)) == (
        exchange.response.is_complete,
        exchange.response.status,
        exchange.response.content_type,
        exchange.body,
    )
    assert ([] if close else [exchange.connection]) == exchange.idle


@given(st.sampled_from([sized, chunked, interim]), st.binary(min_size=1, max_size=300), st.integers(0, 3000))
def test_an_answer_that_breaks_off_is_an_error(framing: Framing, body: bytes, place: int) -> None:
    """A connection that ends anywhere before the answer does is never taken for the answer's end."""
    data, _ = framing([body])
    exchange = Exchange()
    exchange.feed(data[: place % len(data)], close=True)
    assert not exchange.response.is_complete
    assert isinstance(exchange.response.error, ConnectionLostError)
    assert [] == exchange.idle


@given(st.binary(max_size=2000), st.lists(st.integers(0, 3000), max_size=5))
def test_any_bytes_end_as_an_answer_or_an_error(data: bytes, places: list[int]) -> None:
    """Whatever a server sends, nothing but the two can come of it."""
    exchange = Exchange()
    exchange.feed(*cut(data, places), close=True)
    assert exchange.response.is_complete != (exchange.response.error is not None)


@given(FRAMINGS, st.binary(max_size=100), st.integers(0, 500), st.integers(0, 255))
def test_a_spoilt_byte_ends_as_an_answer_or_an_error(framing: Framing, body: bytes, place: int, byte: int) -> None:
    """A wrong length, a missing line end, another status: never a hang once the connection has ended."""
    data = bytearray(framing([body])[0])
    data[place % len(data)] = byte
    exchange = Exchange()
    exchange.feed(bytes(data), close=True)
    assert exchange.response.is_complete != (exchange.response.error is not None)


@pytest.mark.parametrize("more", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"])
def test_bytes_after_the_end_spoil_the_connection(more: bytes) -> None:
    """A second answer that nobody asked for is not kept for the next request, and does not touch the first."""
    data, _ = sized([b"first"])
    exchange = Exchange()
    exchange.feed(data + more)
    assert (b"first", 200, False) == (exchange.body, exchange.response.status, exchange.connection.is_open)
    later = Exchange()
    later.feed(data, more)
    assert (b"first", True) == (later.body, later.transport.closed)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"X: " + b"x" * LARGEST_HEAD,
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MOST_INTERIM + 1),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * LARGEST_HEAD,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * LARGEST_HEAD * 2,
        HEAD + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip!!",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_no_answer_may_be(data: bytes) -> None:
    """Endless heads, trailers and interim answers, unknown encodings and other protocols end the connection at once."""
    exchange = Exchange()
    for start in range(0, len(data), 16384):
        exchange.feed(data[start : start + 16384])
    assert isinstance(exchange.response.error, AnswerError)
    assert exchange.transport.closed


@pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_packed_answer_is_unpacked(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    """What a server packs although nothing was offered arrives as it was."""
    body = pack(b"data: hello\n\n" * 500)
    exchange = Exchange()
    exchange.feed(
        HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)), body[:9], body[9:]
    )
    assert (b"data: hello\n\n" * 500, True) == (exchange.body, exchange.response.is_complete)


def test_a_bomb_is_not_unpacked() -> None:
    """A packed answer of a gigabyte ends with an error and not with the gigabyte."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    exchange = Exchange()
    exchange.feed(HEAD + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(bomb), bomb)
    assert isinstance(exchange.response.error, AnswerError)
    assert len(exchange.body) < 32 << 20


def test_a_stale_connection_is_told_from_a_crash() -> None:
    """Only a kept connection that ends before the first byte of an answer allows the request to be sent again."""
    exchange = Exchange()
    exchange.feed(close=True)
    assert isinstance(exchange.response.error, ConnectionLostError)
    assert not exchange.response.error.stale
    kept = Exchange()
    kept.feed(sized([b""])[0])
    response = kept.connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"")
    kept.feed(close=True)
    assert isinstance(response.error, ConnectionLostError)
    assert response.error.stale
