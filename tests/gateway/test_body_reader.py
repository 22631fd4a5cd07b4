"""Large bodies are read by a child as they would be here, whatever becomes of the child."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
import pytest_asyncio

from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.openai.parse import parse
from hostd.domain.errors import RequestError
from hostd.gateway import body_reader
from hostd.gateway.body_reader import LARGE, MANY_COLONS, BodyReader
from tests.stage import until

CHAT = Dialect.OPENAI_CHAT
TEXT = 'a line of code with "quotes", [brackets] and \u00e4\n' * 4000


def body(**more: Any) -> bytes:
    """Return a request that is large for a reader of these tests."""
    messages = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": "I"}]
    return json.dumps({"model": "m", "messages": messages, "stream": True, "keep_alive": 30, **more}).encode()


def told(request: InferenceRequest) -> tuple[object, ...]:
    """Return all that *request* says."""
    return (*request._replace(document=None), request.document.encode(), dict(request.document))  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[BodyReader]:
    """A reader to which 4 kB are large."""
    found = BodyReader(large=4096)
    yield found
    await found.close()


def has_ended(pid: int) -> bool:
    """Return whether there is no process *pid*, and nothing left of it."""
    return not psutil.pid_exists(pid)


async def test_the_child_reads_what_is_read_here(reader: BodyReader) -> None:
    """One child for one body after the other, and the bytes are the client's own."""
    picture = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}],
        }
    ]
    for sent in (body(), body(tools=[{"a": 1}], n=2), body(messages=picture), body(model="\u00e4" * 300, stream=False)):
        request = await reader.read(CHAT, sent)
        assert told(parse(CHAT, sent)) == told(request)
        assert sent is request.document.encode()
        pid = reader.pid
    assert pid == reader.pid is not None
    await reader.close()
    assert reader.pid is None
    assert has_ended(pid or 0)


async def test_small_bodies_start_nothing() -> None:
    """Those of nearly all requests; but many keys are large in few bytes."""
    reader = BodyReader()
    few = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * (LARGE - 1000)}]}).encode()
    assert "m" == (await reader.read(CHAT, few)).model
    assert reader.pid is None
    many = json.dumps({"model": "m", "x": {f"key number {number:08}": 0 for number in range(MANY_COLONS + 1)}}).encode()
    assert "m" == (await reader.read(CHAT, many)).model
    assert reader.pid is not None
    await reader.close()


@pytest.mark.parametrize(
    "refused",
    [b'{"model":"m","x":' + b"[" * 9000, b"\\n" * 9000, body(model=3), body(n=1000), b"[" + b"0," * 4000 + b"0]"],
    ids=["depth", "no JSON", "no name", "out of bounds", "no object"],
)
async def test_a_refusal_is_the_same(reader: BodyReader, refused: bytes) -> None:
    """The sentence, the code and the member."""
    with pytest.raises(RequestError) as here:
        parse(CHAT, refused)
    with pytest.raises(RequestError) as there:
        await reader.read(CHAT, refused)
    assert vars(here.value) == vars(there.value)


async def test_a_child_that_has_died_is_replaced(reader: BodyReader) -> None:
    """Nothing of that reaches the client."""
    await reader.read(CHAT, body())
    first = reader.pid or 0
    os.kill(first, signal.SIGKILL)
    assert told(parse(CHAT, body())) == told(await reader.read(CHAT, body()))
    assert reader.pid not in (None, first)
    assert has_ended(first)


async def test_a_body_is_read_here_where_no_child_can(reader: BodyReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be no memory for another process, or it may hang."""
    await reader.read(CHAT, body())
    hung = reader.pid or 0
    os.kill(hung, signal.SIGSTOP)
    for name, value in {"_PATIENCE": 0.1, "_GRACE": 0.0, "_ARGV": ("/gone",)}.items():
        monkeypatch.setattr(body_reader, name, value)
    assert told(parse(CHAT, body())) == told(await reader.read(CHAT, body()))
    assert reader.pid is None
    assert has_ended(hung)


async def test_the_child_is_ended_when_nothing_has_come_for_a_while() -> None:
    """It holds memory for nothing, and the next large body starts another."""
    reader = BodyReader(large=4096, idle=0.05)
    await reader.read(CHAT, body())
    pid = reader.pid or 0
    await until(lambda: reader.pid is None and has_ended(pid))
    assert "m" == (await reader.read(CHAT, body())).model
    await reader.close()


async def test_others_are_not_held_up(reader: BodyReader) -> None:
    """A body that takes the decoder long is read while the loop turns."""
    sent = b'{"model":"m","x":"' + b"\\n" * 12_000_000 + b'"}'
    await reader.read(CHAT, body())
    reading = asyncio.ensure_future(reader.read(CHAT, sent))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert "m" == reading.result().model
    assert turns >= 10
