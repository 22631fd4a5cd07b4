"""``hostd events``."""

import json
from collections.abc import Callable

from tests.cli.recorded import READY, Daemon, Ran

PATH = "GET /hostd/v1/events?last=10"
DECISION = {
    "at": "2026-11-20T08:00:00.5Z",
    "decision": "model_ready",
    "model": "a",
    "request": None,
    "why": "'a' is ready",
}
OVER: dict[str, object] = {
    "at": "2026-11-20T08:00:01Z",
    "id": "req_1",
    "asked": "a",
    "model": "b",
    "route": "fallback",
    "reason": "queue_timeout",
    "state": "answered",
    "status": 200,
    "total_ms": 1234.0,
    "output_tokens": 17,
}
EVENTS: list[tuple[str, dict[str, object]]] = [
    ("hello", {"version": "1"}),
    ("decisions", {"decisions": [DECISION], "left_out": 0}),
    (
        "past",
        {"past": [OVER, OVER | {"model": None, "route": "none", "reason": None, "output_tokens": None}], "left_out": 0},
    ),
    ("status", {"ready": True, "troubles": ["a card is gone"], "left_out": {}, "providers": []}),
    ("models", {"models": [READY]}),
    ("memory", {"pools": []}),
    ("requests", {"requests": [], "left_out": 0}),
    ("models", {"models": [READY | {"queued": 4}]}),
    ("models", {"models": [READY | {"state": "stopping"}]}),
]


def _stream() -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in EVENTS)


def test_lines_tell_what_happens(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Decisions in words, requests with their route, models where their state has changed; not each number that moves."""
    daemon.on(PATH, _stream())
    ran = hostd("events", "--url", daemon.url)
    assert (0, "") == (ran.code, ran.err)
    assert [
        "model_ready         'a' is ready",
        "request             req_1 a -> b fallback:queue_timeout answered 200 in 1.23s, 17 tokens",
        "request             req_1 a -> nobody none answered 200 in 1.23s, - tokens",
        "trouble             a card is gone",
        "model               qwen3.5-9b: ready",
        "model               qwen3.5-9b: ready -> stopping",
    ] == [line.partition("  ")[2] for line in ran.out.splitlines()]


def test_json_is_one_event_a_line(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Whole, with its name, so that programs need no other source."""
    daemon.on(PATH + "&only=models%2Cpast", _stream())
    ran = hostd("events", "--json", "--only", "models", "--only", "past", "--url", daemon.url)
    assert [{"event": name, **data} for name, data in EVENTS] == [json.loads(line) for line in ran.out.splitlines()]


def test_other_events_are_none(hostd: Callable[..., Ran]) -> None:
    """A slip is told before the daemon is asked."""
    ran = hostd("events", "--only", "stat")
    assert 2 == ran.code
    assert "decisions" in ran.err
