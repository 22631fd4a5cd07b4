"""``hostd requests``."""

import json
from collections.abc import Callable

from tests.cli.recorded import Daemon, Ran
from tests.cli.verbs.test_queue import ANSWERED

PAST = {
    "at": "2026-03-01T10:00:00Z",
    "id": "req_0",
    "asked": "fast",
    "model": "claude",
    "backend": "cloud",
    "route": "fallback",
    "reason": "breaker_open",
    "outcome": "answered",
    "state": "answered",
    "status": 200,
    "client": None,
    "stream": True,
    "queue_ms": 0.0,
    "load_ms": 0.0,
    "ttft_ms": 800.0,
    "total_ms": 2500.0,
    "prompt_tokens": 1000,
    "output_tokens": 200,
    "cost_usd": 0.0123,
}


def test_the_table_ends_with_those_under_way(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """What is over comes first, the oldest at the top, each with its route, its end and what it cost."""
    daemon.on("GET /hostd/v1/requests?last=5", {"requests": [ANSWERED], "past": [PAST]})
    ran = hostd("requests", "-n", "5", "--url", daemon.url)
    _, over, present = (" ".join(line.split()) for line in ran.out.splitlines())
    assert (0, "") == (ran.code, ran.err)
    assert over.endswith("req_0 fast claude breaker_open answered 200 2.5s 200 0.0123")
    assert "now req_1 fast qwen3.5-9b queue_timeout prefill 1m1s - -" == present


def test_one_request_is_told_with_its_decisions(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """By its id, as the header of its answer has it."""
    decision = {"at": "2026-03-01T10:00:01Z", "decision": "fell_back", "why": "the request moves on"}
    daemon.on("GET /hostd/v1/requests/req_0", PAST | {"decisions": [decision]})
    ran = hostd("requests", "req_0", "--url", daemon.url)
    assert "0.0123" in ran.out
    assert "the request moves on" in ran.out
    assert [decision] == json.loads(hostd("requests", "req_0", "--json", "--url", daemon.url).out)["decisions"]
