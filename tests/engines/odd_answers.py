"""Answers of a server that has gone wrong, chosen at random: mostly right, often not."""

import json
import os
import random
from collections.abc import Callable
from typing import Any

JUNK: tuple[Any, ...] = (
    None, 5, "x", [], {}, {"error": None}, {"error": "x"}, {"error": {"message": None}},
    {"error": {"message": {"a": []}, "code": 5, "type": None}}, {"object": "error", "message": ["x"]}, {"choices": None},
    {"choices": [{}]}, {"choices": [5]}, {"choices": [{"index": "a", "delta": {}}]},
    {"choices": [{"index": 0, "delta": {"content": 5}}]}, {"choices": [{"index": 0, "delta": {"tool_calls": [{}]}}]},
    {"usage": []},
    {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}], "usage": {"completion_tokens": "x"}},
)  # fmt: skip
DEEP = b'{"error":' * 3000 + b"1" + b"}" * 3000
RIGHT = {
    "id": "1",
    "object": "chat.completion",
    "model": "odd",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def stream(*events: object, end: bool = True) -> bytes:
    """Return *events* as server-sent events."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + (
        b"data: [DONE]\n\n" if end else b""
    )


def chunk(content: str | None, finish: str | None = None) -> dict[str, object]:
    """Return one event of a stream."""
    delta = {} if content is None else {"content": content}
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "model": "odd",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def response(body: bytes, status: str = "200 OK", kind: str = "application/json", length: int | None = None) -> bytes:
    """Return a whole HTTP response; *length* is what it claims to have."""
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def answer(rng: random.Random, request: bytes) -> bytes:
    """Return the bytes with which *request*, a body, is answered before the connection is closed."""
    if b'"max_tokens":1' in request.replace(b" ", b"")[-400:]:
        return response(json.dumps(RIGHT).encode())
    events = "text/event-stream"
    junk = rng.choice(JUNK)
    ways: list[Callable[[], bytes]] = [
        lambda: response(json.dumps(RIGHT).encode()),
        lambda: response(stream(chunk("Hi"), chunk(None, "stop")), kind=events),
        lambda: response(
            json.dumps(junk).encode(), rng.choice(("200 OK", "400 X", "404 X", "429 X", "500 X", "503 X", "302 X"))
        ),
        lambda: response(
            stream(*(rng.choice(JUNK) for _ in range(rng.randrange(4))), end=rng.random() < 0.5), kind=events
        ),
        lambda: response(stream(chunk("Hi"), junk, chunk("there"), end=rng.random() < 0.5), kind=events),
        lambda: response(stream(chunk("Hi"), end=rng.random() < 0.5), kind=events),
        lambda: response(b": ping\n\ndata:\n\ndata: ping\n\n" + stream(chunk("Hi"), chunk(None, "stop")), kind=events),
        lambda: response(DEEP, rng.choice(("200 OK", "500 X"))),
        lambda: response(b"data: " + DEEP + b"\n\n", kind=events),
        lambda: response(b"{", length=500),
        lambda: os.urandom(200),
        lambda: b"",
    ]
    return rng.choice(ways)()
