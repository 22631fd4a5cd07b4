"""A request is understood as far as routing needs, and refused with a reason where it cannot be."""

import asyncio
import gzip
import io
import json
import zlib
from collections.abc import AsyncIterator, Callable

import pytest

from hostd.domain.server_settings import ServerSettings
from hostd.gateway.http import body_budget
from tests.conftest import OpenDaemon
from tests.stage import CHAT, Stage, make_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_BODY = ServerSettings().max_body


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", "bad_json", "not valid JSON"),
        (b"{", "bad_json", "not valid JSON"),
        (b'{"model": "alpha",}', "bad_json", "not valid JSON"),
        (b'\xff{"model": "alpha"}', "bad_json", "not valid JSON"),
        (b"[]", "bad_json", "must be a JSON object"),
        (b'"alpha"', "bad_json", "must be a JSON object"),
        (b'{"a":' * 100_000, "bad_json", "nested too deeply"),
        (b"{}", "no_model", "names no model"),
        (b'{"model": ""}', "no_model", "names no model"),
        (b'{"model": 7}', "no_model", "names no model"),
        (b'{"model": "alpha", "stream": "yes"}', "bad_request", "'stream' must be true or false"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_refuses_what_it_cannot_read(stage: Stage, body: bytes, code: str, said: str) -> None:
    """400 with a sentence, in OpenAI's shape."""
    answer = await stage.send("POST", CHAT, data=body)
    assert (400, code) == (answer.status, answer.error["code"])
    assert said in answer.error["message"]
    assert "invalid_request_error" == answer.error["type"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_refuses_a_body_that_is_too_large(stage: Stage, chunked: bool) -> None:
    """40 MB are refused with 413, announced or not, and the server goes on as before."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(1_000_000)

    answer = await stage.send("POST", CHAT, data=pieces() if chunked else io.BytesIO(bytes(40_000_000)))
    assert (413, "request_too_large") == (answer.status, answer.error["code"])
    assert "larger than 32 MiB" in answer.error["message"]
    assert 200 == (await stage.ask("alpha", max_tokens=1)).status


@pytest.mark.slow
async def test_takes_a_large_body(stage: Stage) -> None:
    """Everything up to the limit goes through, whole."""
    body = b'{"model": "beta", "prompt": "' + b"x" * (MAX_BODY - 1000) + b'"}'
    answer = await stage.send("POST", "/v1/completions", data=io.BytesIO(body))
    assert (400, "context_length_exceeded") == (answer.status, answer.error["code"])


@pytest.mark.parametrize("given", ["soon", "-1", "1.2.3", "inf", "1 year"])
async def test_refuses_a_timeout_that_is_none(stage: Stage, given: str) -> None:
    """x-hostd-timeout is seconds or a duration."""
    answer = await stage.ask("alpha", headers={"x-hostd-timeout": given})
    assert (400, "x-hostd-timeout") == (answer.status, answer.error["param"])


@pytest.mark.parametrize("given", ["30", "2.5", "30s", "1m30s"])
async def test_takes_a_timeout(stage: Stage, given: str) -> None:
    """Both ways to write it are understood."""
    assert 200 == (await stage.ask("alpha", headers={"x-hostd-timeout": given})).status


async def test_sees_what_a_request_needs(stage: Stage) -> None:
    """Tools need a model that is not declared to be without them; embeddings one that is declared to make them."""
    answer = await stage.ask("spare", tools=[{"type": "function", "function": {"name": "f"}}])
    assert (400, "unfit") == (answer.status, answer.error["code"])
    assert "'spare' is declared without tools" in answer.error["message"]
    answer = await stage.ask("alpha", "/v1/embeddings", input="x")
    assert (400, "unfit") == (answer.status, answer.error["code"])


async def test_null_is_no_stream(stage: Stage) -> None:
    """Clients that write every field write null for those that they leave out."""
    answer = await stage.send("POST", CHAT, data=json.dumps({"model": "alpha", "stream": None, "messages": []}))
    assert "application/json" == answer.headers["Content-Type"]


BODY = json.dumps({"model": "alpha", "max_tokens": 1, "messages": []}).encode()


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_takes_a_packed_body(stage: Stage, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Some clients pack what they send."""
    answer = await stage.send("POST", CHAT, data=pack(BODY), headers={"Content-Encoding": encoding})
    assert 200 == answer.status


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_refuses_another_encoding(stage: Stage, encoding: str) -> None:
    """415 in the dialect, with the encodings that would do."""
    answer = await stage.send("POST", CHAT, data=BODY, headers={"Content-Encoding": encoding})
    assert (415, "unsupported_encoding") == (answer.status, answer.error["code"])
    assert "gzip, deflate" == answer.headers["Accept-Encoding"]
    assert "x-request-id" in answer.headers


async def test_refuses_a_body_that_is_not_what_it_says(stage: Stage) -> None:
    """400, and the server goes on."""
    answer = await stage.send("POST", CHAT, data=BODY, headers={"Content-Encoding": "gzip"})
    assert (400, "bad_encoding") == (answer.status, answer.error["code"])


@pytest.mark.slow
async def test_refuses_a_bomb(stage: Stage) -> None:
    """Half a gigabyte in half a megabyte is too large, as it would be unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    answer = await stage.send("POST", CHAT, data=bomb, headers={"Content-Encoding": "gzip"})
    assert (413, "request_too_large") == (answer.status, answer.error["code"])


async def _raw(stage: Stage, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = stage.app.addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    return reader, writer


def _head(path: str = CHAT, more: str = "", length: int = len(BODY)) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{more}\r\n".encode()


async def test_a_client_that_waits_for_a_word_gets_it(stage: Stage) -> None:
    """100 Continue before the body has come, and the answer after it, on a connection that is kept."""
    reader, writer = await _raw(stage, _head(more="Expect: 100-continue\r\n"))
    assert b"HTTP/1.1 100 Continue\r\n" == await reader.readline()
    assert b"\r\n" == await reader.readline()
    writer.write(BODY)
    assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (_head(more="Expect: 100-continue\r\n", length=40_000_000), 413),
        (_head("/v1/nothing", "Expect: 100-continue\r\n"), 404),
        (_head("/v1/models", "Expect: 100-continue\r\n"), 405),
        (_head(more="Expect: 100-continue\r\nOrigin: https://evil.example\r\n"), 403),
        (_head(more="Expect: 100-continue\r\nContent-Encoding: br\r\n"), 415),
        (_head(more="Expect: the-unexpected\r\n"), 417),
    ],
)
async def test_a_client_that_waits_for_a_word_need_not_send_in_vain(stage: Stage, head: bytes, status: int) -> None:
    """What the head alone says is judged first, and the connection ends: nobody could tell what the client sends next."""
    reader, writer = await _raw(stage, head)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Connection: close" in answer
    writer.close()


async def test_broken_chunks_are_refused(stage: Stage) -> None:
    """400 in the dialect, not a mistake of ours."""
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    reader, writer = await _raw(stage, head)
    await asyncio.sleep(0.05)
    writer.write(b"zz\r\n")
    answer = (await reader.read()).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert '"bad_request"' in answer
    writer.close()


async def test_the_limit_is_the_owners(open_daemon: OpenDaemon) -> None:
    """And the message names the setting."""
    async with open_daemon(make_settings(server=ServerSettings(max_body=100_000)), wait=False) as stage:
        answer = await stage.send("POST", CHAT, data=bytes(100_001))
        assert 413 == answer.status
        assert "server.max_body" in answer.error["message"]
        assert 400 == (await stage.send("POST", CHAT, data=bytes(100_000))).status


async def test_all_bodies_together_are_bounded(open_daemon: OpenDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is being received counts, and is given back when its request is over."""
    monkeypatch.setattr(body_budget, "_LEAST", 0)
    monkeypatch.setattr(body_budget, "_BODIES", 1)
    async with open_daemon(make_settings(server=ServerSettings(max_body=100_000)), wait=False) as stage:
        reader, writer = await _raw(stage, _head(length=90_000) + b"x" * 60_000)
        await asyncio.sleep(0.2)
        answer = await stage.send("POST", CHAT, data=bytes(60_000))
        assert (429, "too_many_bodies") == (answer.status, answer.error["code"])
        assert "Retry-After" in answer.headers
        writer.close()
        assert b"" == await reader.read()
        await asyncio.sleep(0.2)
        assert [400] * 3 == [(await stage.send("POST", CHAT, data=bytes(60_000))).status for _ in range(3)]
