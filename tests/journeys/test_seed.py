"""The scenario that hostd was made for: more agents than places."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journeys.host import Reply, profile, started, until, write_files

LONG = {"max_tokens": 1500, "ignore_eos": True}


@pytest.mark.slow
def test_overflow_is_answered_by_the_fallback(tmp_path: Path) -> None:
    """Of six clients of a model with two places, four are answered by its fallbacks, and are told why."""
    limits = {"max_concurrent": 2, "queue_timeout": "50ms"}
    files = write_files(
        tmp_path,
        profile("planner", fallback=["coder", "writer"]),
        profile("coder", "tiny-story.gguf"),
        profile("writer"),
        limits=limits,
    )
    with started(tmp_path, "--config", str(files)) as host:
        until(lambda: host.get("/readyz").status == 200)
        states = {row["model"]: row["state"] for row in host.get("/hostd/v1/status").json["instances"]}
        assert {"planner": "ready", "coder": "ready", "writer": "ready"} == states

        def ask(_: int) -> Reply:
            return host.chat("planner", "Count from 1 to 100.", **LONG)

        with ThreadPoolExecutor(6) as clients:
            replies = list(clients.map(ask, range(6)))

    assert [200] * 6 == [reply.status for reply in replies]
    by = Counter((reply.headers["x-hostd-model"], reply.headers["x-hostd-route"]) for reply in replies)
    expected = {
        ("planner", "primary"): 2,
        ("coder", "fallback:queue_timeout"): 2,
        ("writer", "fallback:queue_timeout"): 2,
    }
    assert expected == by
    assert [reply.headers["x-hostd-model"] for reply in replies] == [reply.json["model"] for reply in replies]
    moved = [reply for reply in replies if reply.headers["x-hostd-route"] != "primary"]
    assert all(int(reply.headers["x-hostd-queue-ms"]) >= 50 for reply in moved)
    log = host.output.read_text("utf-8")
    assert log.count('"event": "fell_back"') >= 4
    assert "Count from" not in log
