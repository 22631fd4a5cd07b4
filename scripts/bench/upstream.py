"""A scripted OpenAI server that costs next to nothing, so that what is measured is the gateway in front of it.

It takes llama-server's flags (those it does not know are ignored), so hostd can launch it as its engine. Every answer
is `max_tokens` words, made once and then sent from memory. A stream is written at once, or token by token where the prompt
says `pace=100` (tokens per second); its usage comes where `stream_options` ask for it. A connection is kept for the next
request unless this one says `Connection: close`, or is HTTP/1.0 and does not say keep-alive. `/bench/counters` tells how many
connections and requests there have been. Standard library only, so that it runs in an empty environment; faster on uvloop.
"""

import asyncio
import functools
import itertools
import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

Piece = TypeVar("Piece", str, bytes)

WORDS = ("word ", "Word ")
"""They take turns: LiteLLM ends a stream that says the same thing a hundred times."""
MAX_TOKENS = re.compile(rb'"max_(?:completion_)?tokens"\s*:\s*(\d+)')
STREAM = re.compile(rb'"stream"\s*:\s*true')
USAGE = re.compile(rb'"include_usage"\s*:\s*true')
PACE = re.compile(rb"pace=(\d+)")
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
CONNECTION = re.compile(rb"\r\nconnection:([^\r]*)", re.IGNORECASE)


def flag(name: str, default: str, argv: tuple[str, ...] = tuple(sys.argv[1:])) -> str:
    """Return the word after *name* on the command line; unknown flags need no list this way."""
    return argv[argv.index(name) + 1] if name in argv[:-1] else default


MODEL = flag("--alias", "bench")


def encode(value: object) -> bytes:
    """Return *value* as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def answer(status: str, value: object) -> bytes:
    """Return a whole HTTP answer with *value* as its JSON body."""
    body = encode(value)
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status.encode(),
        len(body),
        body,
    )


def event(data: bytes) -> bytes:
    """Return *data* as one server-sent event in one HTTP chunk."""
    data = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    """Return one chat.completion.chunk as an event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return event(encode(head | {"choices": [choice]}))


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST = chunk({"role": "assistant", "content": ""})
TOKENS = tuple(chunk({"content": word}) for word in WORDS)
PAGES = {
    b"/health": answer("200 OK", {"status": "ok"}),
    b"/v1/models": answer(
        "200 OK", {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "bench"}]}
    ),
    b"/props": answer("200 OK", {"model_alias": MODEL, "total_slots": int(flag("-np", flag("--parallel", "1")))}),
}
NOT_FOUND = answer("404 Not Found", {"error": {"code": 404, "message": "no such page", "type": "not_found_error"}})
NO_LENGTH = answer("411 Length Required", {"error": {"code": 411, "message": "send a content-length", "type": "bench"}})
COUNTERS = {"connections": 0, "requests": 0}


class Asked(NamedTuple):
    """What a request wants: how many words, as a stream or not, with its usage or not, and how many a second (0: at once)."""

    tokens: int
    stream: bool
    usage: bool
    pace: int


def read(body: bytes) -> Asked:
    """Return what *body* asks for."""
    tokens, pace = MAX_TOKENS.search(body), PACE.search(body)
    return Asked(
        int(tokens[1]) if tokens else 32,
        STREAM.search(body) is not None,
        USAGE.search(body) is not None,
        int(pace[1]) if pace else 0,
    )


def usage(tokens: int) -> dict[str, int]:
    """Return what an answer of *tokens* words has taken."""
    return {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": tokens + 5}


def taken(turns: Sequence[Piece], number: int) -> Iterator[Piece]:
    """Yield *number* of the pieces that take *turns*."""
    return itertools.islice(itertools.cycle(turns), number)


@functools.cache
def whole(tokens: int) -> bytes:
    """Return the answer of *tokens* words that is not streamed."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(taken(WORDS, tokens))},
        "finish_reason": "stop",
    }
    head = {"id": "chatcmpl-bench", "object": "chat.completion", "created": 1, "model": MODEL}
    return answer("200 OK", head | {"choices": [choice], "usage": usage(tokens)})


@functools.cache
def ending(asked: Asked) -> bytes:
    """Return what follows the last word of a stream."""
    sums = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": []}
    told = event(encode(sums | {"usage": usage(asked.tokens)})) if asked.usage else b""
    return chunk({}, "stop") + told + event(b"[DONE]") + b"0\r\n\r\n"


@functools.cache
def burst(asked: Asked) -> bytes:
    """Return the stream that is written at once."""
    return STREAM_HEAD + FIRST + b"".join(taken(TOKENS, asked.tokens)) + ending(asked)


@functools.lru_cache(maxsize=64)
def closing(response: bytes) -> bytes:
    """Return *response* with the word that no other follows on its connection."""
    return response.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


def keeps(head: bytes) -> bool:
    """Return whether the connection stays open after the request with this *head*."""
    said = CONNECTION.search(head)
    words = {word.strip().lower() for word in said[1].split(b",")} if said else set()
    if head.partition(b"\r\n")[0].endswith(b"HTTP/1.0"):
        return b"keep-alive" in words
    return b"close" not in words


class Connection(asyncio.Protocol):
    """One connection: whole requests out of the buffer, answers out of memory."""

    read_before: tuple[bytes, Asked] = (b"", Asked(0, stream=False, usage=False, pace=0))
    """The latest request of all connections: to compare 64 kB with it costs less than to search them."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.pieces: list[bytes] = []
        self.missing = 0
        self.timer: asyncio.TimerHandle | None = None
        self.keep = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        COUNTERS["connections"] += 1
        self.transport = transport  # type: ignore[assignment]  # uvloop's is not asyncio's by name

    def connection_lost(self, _error: Exception | None) -> None:
        """Stop a paced stream whose reader has gone."""
        self.transport = None
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        if self.missing > len(data):
            # Added to one another, the pieces of 30 MiB would take a second to copy.
            self.pieces.append(data)
            self.missing -= len(data)
            return
        if self.missing:
            self.buffer, self.pieces, self.missing = b"".join((self.buffer, *self.pieces, data)), [], 0
        else:
            self.buffer = self.buffer + data if self.buffer else data
        while self.keep and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = LENGTH.search(head)
            after = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < after:
                self.missing = after - len(self.buffer)
                return
            body, self.buffer = self.buffer[end + 4 : after], self.buffer[after:]
            self.respond(head, body, bare=length is None)

    def respond(self, head: bytes, body: bytes, *, bare: bool) -> None:
        """Write the answer to one request, or begin its paced stream."""
        method, path, _ = head.split(b" ", 2)
        self.keep = keeps(head)
        if method != b"POST":
            path = path.partition(b"?")[0]
            self.finish(answer("200 OK", COUNTERS) if path == b"/bench/counters" else PAGES.get(path, NOT_FOUND))
        elif bare:
            self.keep = False  # where the body ends is unknown
            self.finish(NO_LENGTH)
        else:
            COUNTERS["requests"] += 1
            self.answer(self.asked(body))

    def asked(self, body: bytes) -> Asked:
        """Return what *body* asks for."""
        known, asked = Connection.read_before
        if body != known:
            asked = read(body)
            Connection.read_before = body, asked
        return asked

    def answer(self, asked: Asked) -> None:
        """Write the words that are *asked* for."""
        if not asked.stream:
            self.finish(whole(asked.tokens))
        elif asked.pace:
            start = STREAM_HEAD + FIRST
            self.write(start if self.keep else closing(start))
            self.tick(asked, asked.tokens, asyncio.get_running_loop().time())
        else:
            self.finish(burst(asked))

    def tick(self, asked: Asked, left: int, due: float) -> None:
        """Write one token of a paced stream and ask to be called for the next, on a clock that does not drift."""
        if not left:
            self.write(ending(asked))
            self.close_unless_kept()
            return
        self.write(TOKENS[left % 2])
        due += 1 / asked.pace
        self.timer = asyncio.get_running_loop().call_at(due, self.tick, asked, left - 1, due)

    def finish(self, response: bytes) -> None:
        """Send a whole *response*; close the connection after it where the client asked for that."""
        self.write(response if self.keep else closing(response))
        self.close_unless_kept()

    def close_unless_kept(self) -> None:
        """Close the connection, once all is sent, unless it may serve another request."""
        if not self.keep and self.transport is not None:
            self.transport.close()

    def write(self, data: bytes) -> None:
        """Send *data* unless the reader has gone."""
        if self.transport is not None:
            self.transport.write(data)


async def main() -> None:
    """Listen until a signal ends the process."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        Connection, flag("--host", "127.0.0.1"), int(flag("--port", "8080")), backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
