"""The scenario that hostd was made for: more agents than places."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.journeys.cloud_provider import cloud, provider, serving_cloud
from tests.journeys.host import Reply, profile, started, until, write_files

LONG = {"max_tokens": 1500, "ignore_eos": True}


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


BUDGET = 0.02
"""USD a day: enough for some answers of two tenths of a cent, but not for one that may be long."""


def came_from(reply: Reply) -> tuple[int, str, str]:
    """Return how a request was answered, by which model, and why by that one."""
    return reply.status, reply.headers["x-hostd-model"], reply.headers["x-hostd-route"]


def test_cloud_models_give_way_to_a_local_one(tmp_path: Path) -> None:
    """Two roles begin with a cloud model; when its provider is slow, down, forbidden or too dear, the local one answers."""
    with provider() as vendor:
        quick = {"limits": {"first_token_timeout": "1s"}}
        profiles = (profile("local"), cloud("sage", vendor.url, **quick), cloud("scribe", vendor.url, **quick))
        roles = {"planner": ["sage", "local"], "writer": ["scribe", "local"]}
        caps = {"scripted": {"daily_usd": BUDGET}}
        with serving_cloud(tmp_path, *profiles, roles=roles, providers=caps) as host:

            def ask(role: str, *, private: bool = False, answer: int = 16) -> tuple[int, str, str]:
                body = {"model": role, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": answer}
                headers = {"x-hostd-privacy": "local"} if private else {}
                return came_from(host.post("/v1/chat/completions", body, headers))

            assert (200, "sage", "primary") == ask("planner")
            assert (200, "scribe", "primary") == ask("writer")
            assert (200, "local", "fallback:privacy") == ask("planner", private=True)
            vendor.script(delay=5)
            assert (200, "local", "fallback:first_token_timeout") == ask("planner")
            vendor.script(status=500)
            assert (200, "local", "fallback:status_5xx") == ask("writer")
            vendor.script()
            # What may cost more than is left of the day's money is not sent.
            assert (200, "local", "fallback:budget") == ask("writer", answer=4000)
            assert (200, "scribe", "primary") == ask("writer")
            (spending,) = host.get("/hostd/v1/status").json["providers"]
            assert BUDGET == spending["daily_usd"]
            assert 3 * 0.00204 <= spending["today_usd"] <= BUDGET
            assert "providers.scripted.daily_usd" in host.get("/hostd/v1/why?model=scribe").body.decode()
            vendor.process.kill()
            vendor.process.wait()
            assert (200, "local", "fallback:connect") == ask("planner")
            until(lambda: ask("planner") == (200, "local", "fallback:breaker_open"))
        # The money of a day stays spent when the daemon is started again.
        with serving_cloud(tmp_path, *profiles, roles=roles, providers=caps) as host:
            (after,) = host.get("/hostd/v1/status").json["providers"]
            assert after["today_usd"] >= spending["today_usd"]
