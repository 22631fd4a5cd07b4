"""A scripted OpenAI server that costs next to nothing, so that what is measured is the gateway in front of it.

It takes llama-server's flags (those it does not know are ignored), so hostd can launch it as its engine. Every answer
is `max_tokens` times the same word, made once and then sent from memory. A stream is written at once, or token by token
where the prompt says `pace=100` (tokens per second). Standard library only, so it runs in an empty environment.
"""

import asyncio
import functools
import json
import re
import sys

WORD = "word "
MAX_TOKENS = re.compile(rb'"max_(?:completion_)?tokens"\s*:\s*(\d+)')
STREAM = re.compile(rb'"stream"\s*:\s*true')
PACE = re.compile(rb"pace=(\d+)")
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


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
FIRST = STREAM_HEAD + chunk({"role": "assistant", "content": ""})
TOKEN = chunk({"content": WORD})
LAST = chunk({}, "stop") + event(b"[DONE]") + b"0\r\n\r\n"
PAGES = {
    b"/health": answer("200 OK", {"status": "ok"}),
    b"/v1/models": answer(
        "200 OK", {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "bench"}]}
    ),
    b"/props": answer("200 OK", {"model_alias": MODEL, "total_slots": int(flag("-np", flag("--parallel", "1")))}),
}
NOT_FOUND = answer("404 Not Found", {"error": {"code": 404, "message": "no such page", "type": "not_found_error"}})
NO_LENGTH = answer("411 Length Required", {"error": {"code": 411, "message": "send a content-length", "type": "bench"}})


@functools.cache
def whole(tokens: int) -> bytes:
    """Return the answer of *tokens* words that is not streamed."""
    message = {"role": "assistant", "content": WORD * tokens}
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": tokens + 5}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-bench", "object": "chat.completion", "created": 1, "model": MODEL}
    return answer("200 OK", head | {"choices": [choice], "usage": usage})


@functools.cache
def burst(tokens: int) -> bytes:
    """Return the stream of *tokens* words that is written at once."""
    return FIRST + TOKEN * tokens + LAST


class Connection(asyncio.Protocol):
    """One keep-alive connection: whole requests out of the buffer, answers out of memory."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Stop a paced stream whose reader has gone."""
        self.transport = None
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = LENGTH.search(head)
            after = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < after:
                return
            body, self.buffer = self.buffer[end + 4 : after], self.buffer[after:]
            self.respond(head, body, bare=length is None)

    def respond(self, head: bytes, body: bytes, *, bare: bool) -> None:
        """Write the answer to one request, or begin its paced stream."""
        method, path, _ = head.split(b" ", 2)
        if method != b"POST":
            self.write(PAGES.get(path.partition(b"?")[0], NOT_FOUND))
        elif bare:
            self.write(NO_LENGTH)
        else:
            asked = MAX_TOKENS.search(body)
            tokens = int(asked[1]) if asked else 32
            if not STREAM.search(body):
                self.write(whole(tokens))
            elif pace := PACE.search(body):
                self.write(FIRST)
                self.tick(tokens, 1 / int(pace[1]), asyncio.get_running_loop().time())
            else:
                self.write(burst(tokens))

    def tick(self, left: int, interval: float, due: float) -> None:
        """Write one token of a paced stream and ask to be called for the next, on a clock that does not drift."""
        if not left:
            self.write(LAST)
            return
        self.write(TOKEN)
        due += interval
        self.timer = asyncio.get_running_loop().call_at(due, self.tick, left - 1, interval, due)

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
    asyncio.run(main())
