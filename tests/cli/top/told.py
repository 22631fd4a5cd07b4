"""What a daemon with two pools of memory and models in every state tells."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hostd.cli.event_stream import DaemonEvent
from hostd.cli.top.state import DaemonState

GIB = 2**30
NOW = datetime(2026, 11, 20, 8, 30, 0, tzinfo=UTC)


def moment(seconds: float) -> str:
    """Return the time so many *seconds* from now."""
    return (NOW + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def model(name: str, state: str, **more: Any) -> dict[str, Any]:
    """Return a row of a model."""
    speed = {"prefill_tokens_per_s": None, "decode_tokens_per_s": None, "cached_share": None, "ttft_ms": None}
    usual = {"backend": "llamacpp", "pool_bytes": {}, "slots": 2, "in_flight": 0, "queued": 0, "unloads_at": None}
    other: dict[str, Any] = {
        "restarts": 0,
        "last_error": None,
        "progress": None,
        "waits_for": None,
        "pinned": False,
        "prompts": [],
    }
    breaker = {"state": "closed", "cause": None, "tried_at": None}
    return {"model": name, "state": state, "speed": speed, "breaker": breaker, **usual, **other, **more}


def live(number: int, name: str, state: str, **more: Any) -> dict[str, Any]:
    """Return a request that is not over."""
    usual = {
        "id": f"req_{number}",
        "asked": name,
        "model": name,
        "backend": "llamacpp",
        "state": state,
        "position": None,
    }
    other = {
        "expected_wait_ms": None,
        "at": moment(-300),
        "client": "notes",
        "session": None,
        "priority": "interactive",
    }
    return {**usual, **other, "attempt": 1, "reason": None, "prompt": None, **more}


def over(number: int, name: str, **more: Any) -> dict[str, Any]:
    """Return a request that is over."""
    usual = {"at": moment(-60), "id": f"req_{number}", "asked": name, "model": name, "backend": "llamacpp"}
    state = {"route": "primary", "reason": None, "outcome": "answered", "state": "answered", "status": 200}
    times = {"queue_ms": 0.0, "load_ms": 0.0, "ttft_ms": 120.0, "total_ms": 2345.0, "output_tokens": 128}
    return {**usual, **state, **times, "client": "editor", "session": "s-1", "cost_usd": None, **more}


def decision(seconds: float, name: str, about: str, why: str) -> dict[str, Any]:
    """Return a decision."""
    return {"at": moment(seconds), "decision": name, "model": about, "request": None, "why": why}


def pool(name: str, total: int, models: list[dict[str, Any]], others: int, reserve: int) -> dict[str, Any]:
    """Return a pool whose parts add up; sizes in GiB."""
    parts = ("weights_bytes", "kv_bytes", "other_bytes", "growth_bytes")
    room = total * GIB - others * GIB - reserve * GIB - sum(each[part] for each in models for part in parts)
    sizes = {"total_bytes": total * GIB, "others_bytes": others * GIB, "reserve_bytes": reserve * GIB}
    return {"id": name, "kind": "vram", "name": name, **sizes, "room_bytes": room, "models": models}


def held(name: str, *gib: float) -> dict[str, Any]:
    """Return what a model holds of a pool: weights, KV cache, the rest and growth in GiB."""
    parts = zip(("weights_bytes", "kv_bytes", "other_bytes", "growth_bytes"), gib, strict=True)
    return {"model": name, "state": "ready", **{part: int(size * GIB) for part, size in parts}}


def fast(decode: float) -> dict[str, Any]:
    """Return the speed of a model that writes so many tokens a second."""
    return {"prefill_tokens_per_s": 20 * decode, "decode_tokens_per_s": decode, "cached_share": 0.62, "ttft_ms": 240}


MODELS = [
    model(
        *("qwen-coder", "ready"),
        pool_bytes={"cuda:0": 9 * GIB},
        in_flight=2,
        queued=2,
        speed=fast(42.4),
        unloads_at=moment(750),
    ),
    model("gemma", "loading", progress=0.42, pool_bytes={"cuda:0": 4 * GIB}),
    model("embedder", "ready", pool_bytes={"ram": GIB}, speed=fast(900.0), pinned=True),
    model("broken", "failed", restarts=3, last_error="llama-server ended: out of memory\nmore"),
    model("claude", "ready", backend="cloud", breaker={"state": "open", "cause": "status_429", "tried_at": None}),
    model("模型\x1b[31m", "cold"),
]
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("hello", {"version": "0.1.0", "now": moment(0), "every_ms": 250, "resumed": False, "listen": []}),
    (
        "decisions",
        {
            "decisions": [
                decision(-90, "model_ready", "qwen-coder", "'qwen-coder' is ready after 4.2 s [slots 2; 0 queued]"),
                decision(
                    -20, "evicted", "old", "'old' is unloaded for 'gemma': it is the cheapest [costs 3 s; frees 5 GiB]"
                ),
                decision(-19, "load_started", "gemma", "'gemma' is being loaded: a request needs it [1 queued]"),
            ],
            "left_out": 0,
        },
    ),
    (
        "past",
        {
            "past": [
                over(1, "qwen-coder"),
                over(2, "claude", asked="planner", state="broken", status=502, reason="stall", route="fallback"),
                over(
                    3,
                    "none",
                    model=None,
                    asked="broken",
                    state="refused",
                    status=503,
                    total_ms=90.0,
                    output_tokens=None,
                ),
            ],
            "left_out": 0,
        },
    ),
    (
        "status",
        {
            "ready": True,
            "troubles": ["cuda:1 (A card) has vanished"],
            "left_out": {},
            "providers": [{"provider": "anthropic", "today_usd": 1.25, "reserved_usd": 0.0, "daily_usd": 5.0}],
        },
    ),
    ("models", {"models": MODELS}),
    (
        "memory",
        {
            "pools": [
                pool("cuda:0", 24, [held("qwen-coder", 6, 2, 0.5, 0.5), held("gemma", 4, 0, 0, 0)], 3, 1),
                pool("ram", 64, [held("embedder", 1, 0, 0, 0)], 20, 4),
            ]
        },
    ),
    (
        "requests",
        {
            "requests": [
                live(7, "qwen-coder", "waiting", position=2, expected_wait_ms=15_000),
                live(6, "qwen-coder", "waiting", position=1, expected_wait_ms=8_000, client=None),
                live(5, "qwen-coder", "prefill", prompt={"read_tokens": 6000, "total_tokens": 20_000}),
                live(4, "qwen-coder", "streaming", asked="planner", reason="queue_timeout", session="s-42"),
            ],
            "left_out": 0,
        },
    ),
]


def stream() -> str:
    """Return it as the daemon sends it."""
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in EVENTS)


def state(address: str = "http://127.0.0.1:11435") -> DaemonState:
    """Return what is known once all has come."""
    found = DaemonState(address)
    for name, data in EVENTS:
        found.take(DaemonEvent(name, data), NOW)
    return found
