"""``hostd queue``."""

import json
from collections.abc import Callable

from tests.cli.recorded import Daemon, Ran

ANSWERED = {
    "id": "req_1",
    "asked": "fast",
    "model": "qwen3.5-9b",
    "state": "prefill",
    "position": None,
    "expected_wait_ms": None,
    "since_ms": 61400,
    "client": "coder",
    "session": None,
    "priority": "interactive",
    "attempt": 2,
    "reason": "queue_timeout",
    "prompt": {"read_tokens": 500, "total_tokens": 2000},
}
WAITING = ANSWERED | {
    "id": "req_2",
    "state": "waiting",
    "position": 1,
    "expected_wait_ms": 12300,
    "since_ms": 120,
    "client": None,
    "session": "tab 4",
    "priority": "batch",
    "attempt": 0,
    "reason": None,
    "prompt": None,
}


def test_the_table_shows_every_request(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Who asked what, how long ago, its place, and what to expect."""
    daemon.on("GET /hostd/v1/requests", {"requests": [ANSWERED, WAITING]})
    ran = hostd("queue", "--url", daemon.url)
    header, answered, waiting = (" ".join(line.split()) for line in ran.out.splitlines())
    assert (0, "") == (ran.code, ran.err)
    assert "MODEL REQUEST CLIENT PRIORITY STATE PLACE SINCE EXPECTED FALLBACK" == header
    assert "qwen3.5-9b req_1 coder interactive prefill 25% - 1m1s - queue_timeout" == answered
    assert "qwen3.5-9b req_2 tab 4 batch waiting 1 0s 12s -" == waiting


def test_json_prints_the_rows_untouched(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Programs get the list of rows with exactly the daemon's keys."""
    daemon.on("GET /hostd/v1/requests", {"requests": [ANSWERED, WAITING]})
    assert [ANSWERED, WAITING] == json.loads(hostd("queue", "--json", "--url", daemon.url).out)
