"""The owner can see and move what runs."""

import asyncio
import os

import pytest

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.gateway import admin
from tests.stage import Stage, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_shows_the_status(stage: Stage) -> None:
    """Who answers, where, whether the boot is done, and one row for each model."""
    status = (await stage.get("/hostd/v1/status")).json
    assert (__version__, os.getpid(), True) == (status["version"], status["pid"], status["ready"])
    assert stage.app.addresses == status["listen"]
    assert list(stage.app.instances) == [row["model"] for row in status["instances"]]


async def test_shows_the_machine(stage: Stage) -> None:
    """The pools as they are now, in the shape of the command line's JSON; two askers at once are both answered."""
    first, second = await asyncio.gather(stage.get("/hostd/v1/inventory"), stage.get("/hostd/v1/inventory"))
    assert ({"os", "cpu", "ram_bytes"}, {"host", "pools"}) == (set(first.json["host"]), set(second.json))
    assert {"ram", "metal"} & {pool["id"] for pool in first.json["pools"]}


async def test_lists_the_models(stage: Stage) -> None:
    """Every declared model, loaded or not, and every role."""
    answer = (await stage.get("/hostd/v1/models")).json
    assert list(stage.app.instances) == [model["name"] for model in answer["models"]]
    assert list(stage.app.catalog.roles) == [role["name"] for role in answer["roles"]]


async def test_loads_and_unloads(stage: Stage) -> None:
    """Both answer when it is done, and doing what is done already is no mistake."""
    for _ in range(2):
        answer = await stage.send("POST", "/hostd/v1/models/spare/load")
        assert (200, "spare", "ready") == (answer.status, answer.json["model"], answer.json["state"])
        assert 0 < answer.json["seconds"] < 10
    pid = stage.instance("spare").pid
    assert pid is not None
    for _ in range(2):
        answer = await stage.send("POST", "/hostd/v1/models/spare/unload")
        assert (200, {"model": "spare", "state": "cold"}) == (answer.status, answer.json)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_need_not_wait(stage: Stage) -> None:
    """With wait=0 the answer is 202 and the state of this moment."""
    answer = await stage.send("POST", "/hostd/v1/models/spare/load?wait=0")
    assert (202, {"model": "spare", "state": "loading", "seconds": None}) == (answer.status, answer.json)
    await until(lambda: stage.model_state("spare").state is State.READY)
    answer = await stage.send("POST", "/hostd/v1/models/spare/unload?wait=0")
    assert (202, {"model": "spare", "state": "stopping"}) == (answer.status, answer.json)
    await until(lambda: stage.model_state("spare").state is State.COLD)


async def test_takes_any_name(stage: Stage) -> None:
    """An alias or a role means the profile that it resolves to."""
    assert "alpha" == (await stage.send("POST", "/hostd/v1/models/planner/load")).json["model"]


@pytest.mark.parametrize("path", ["unknown", "unknown/logs", "unknown/load"])
async def test_unknown_models_are_not_found(stage: Stage, path: str) -> None:
    """404 with the names that there are."""
    method = "POST" if path.endswith("load") else "GET"
    answer = await stage.send(method, f"/hostd/v1/models/{path}")
    assert (404, "model_not_found") == (answer.status, answer.error["code"])


async def test_tells_why_a_load_failed(stage: Stage) -> None:
    """The exit class and the engine's last line are in the message."""
    answer = await stage.send("POST", "/hostd/v1/models/org/broken:latest/load")
    assert (502, "load_failed") == (answer.status, answer.error["code"])
    assert "was killed by SIGABRT (driver); its last line: E CUDA error" in answer.error["message"]


async def test_an_unload_lets_answers_finish(stage: Stage) -> None:
    """What is being answered is answered to its end; then the engine goes."""
    await stage.send("POST", "/hostd/v1/models/spare/load")
    await stage.script("spare", tokens=6, token_delay=0.05)
    answering = stage.begin("spare", stream=True)
    await until(lambda: stage.model_state("spare").serving)
    unloaded = await stage.send("POST", "/hostd/v1/models/spare/unload")
    assert answering.done()
    assert ("[DONE]", "cold") == ((await answering).events[-1], unloaded.json["state"])


async def test_shows_logs(stage: Stage) -> None:
    """The last lines of the engine, as many as asked for."""
    whole = (await stage.get("/hostd/v1/models/alpha/logs")).body.decode()
    assert whole.rstrip().endswith(str(stage.instance("alpha").launch.endpoint.url))  # type: ignore[union-attr]  # it runs
    last = (await stage.get("/hostd/v1/models/alpha/logs?lines=1")).body.decode()
    assert whole.endswith(last)
    assert (1, b"") == (last.count("\n"), (await stage.get("/hostd/v1/models/alpha/logs?lines=0")).body)


@pytest.mark.parametrize("lines", ["0", "1", "all"])
async def test_follows_logs(stage: Stage, lines: str) -> None:
    """The head comes at once, then what is there, then each new line; no line is lost in between."""
    ring = stage.instance("alpha").ring
    there = ring.lines({"0": 0, "1": 1}.get(lines))
    async with asyncio.timeout(5):
        path = f"/hostd/v1/models/alpha/logs?follow=1&lines={lines}"
        async with stage.http.get(stage.url + path) as response:
            assert "text/plain; charset=utf-8" == response.headers["Content-Type"]
            assert there == [(await response.content.readline()).decode().rstrip() for _ in there]
            ring.feed(b"a new line\n")
            assert b"a new line\n" == await response.content.readline()


async def test_a_follower_that_leaves_is_forgotten(stage: Stage) -> None:
    """Nothing is kept for one who has gone."""
    ring = stage.instance("alpha").ring
    async with stage.http.get(stage.url + "/hostd/v1/models/alpha/logs?follow=1") as response:
        await response.content.readline()
    await until(lambda: "0 followers" in repr(ring), 2.0)


@pytest.mark.parametrize("lines", ["\u00b2", "9" * 5000, "-1", "many", ""])
@pytest.mark.parametrize("path", ["/hostd/v1/models/alpha/logs?lines=", "/hostd/v1/why?last="])
async def test_a_count_that_is_none_is_refused(stage: Stage, path: str, lines: str) -> None:
    """400 that is no longer than a line."""
    answer = await stage.get(path + lines)
    assert (400, "bad_request") == (answer.status, answer.error["code"])
    assert len(answer.error["message"]) < 400


async def test_the_head_of_a_followed_log_is_answered_at_once(stage: Stage) -> None:
    """It has no end to wait for."""
    async with asyncio.timeout(5):
        answer = await stage.send("HEAD", "/hostd/v1/models/alpha/logs?follow=1")
    assert (200, b"") == (answer.status, answer.body)


async def test_followers_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a connection; one that leaves makes room."""
    monkeypatch.setattr(admin, "_MOST_FOLLOWERS", 2)
    path = stage.url + "/hostd/v1/models/alpha/logs?follow=1"
    async with stage.http.get(path) as first, stage.http.get(path) as second:
        assert (200, 200) == (first.status, second.status)
        refused = await stage.get("/hostd/v1/models/alpha/logs?follow=1")
        assert (503, "too_many_followers") == (refused.status, refused.error["code"])
        first.close()
        async with asyncio.timeout(5):
            while True:
                async with stage.http.get(path) as again:
                    if again.status == 200:
                        break
                await asyncio.sleep(0.02)


async def until_streaming(stage: Stage, request_id: str) -> None:
    """Return once a request's answer has begun."""
    while True:
        if (await stage.get(f"/hostd/v1/requests/{request_id}")).json["state"] == "streaming":
            return
        await asyncio.sleep(0.02)


async def test_tells_of_requests_that_are_over(stage: Stage) -> None:
    """By their ids and as the last ones: who answered, why that one, how long it took; and says where there is none."""
    await stage.script("alpha", status=500)
    moved = await stage.ask("alpha", headers={"x-request-id": "of-the-client"})
    assert ("beta", "fallback:status_5xx") == moved.route
    while True:
        found = await stage.get("/hostd/v1/requests/of-the-client")
        if found.status == 200:
            break
        await asyncio.sleep(0.05)
    row = found.json
    assert ("answered", "alpha", "beta", "status_5xx") == (row["state"], row["asked"], row["model"], row["reason"])
    assert ["fell_back", "routed"] == [each["decision"] for each in row["decisions"][-2:]]
    assert "status_5xx" in row["decisions"][-2]["why"]
    past = (await stage.get("/hostd/v1/requests?last=1")).json["past"]
    assert [row["id"]] == [each["id"] for each in past]
    assert [] == (await stage.get("/hostd/v1/requests")).json["past"]
    unknown = await stage.get("/hostd/v1/requests/nobody")
    assert (404, "request_not_found") == (unknown.status, unknown.error["code"])


async def test_lists_requests(stage: Stage) -> None:
    """Who is being answered and who waits, with the places and the waits to expect."""
    await stage.script("strict", token_delay=0.1, tokens=20)
    asked = [stage.begin("strict", stream=True, headers={"x-hostd-client": name}) for name in ("ann", "bob", "eve")]
    await until(lambda: len(stage.model_state("strict").queue) == 2 or any(each.done() for each in asked))
    rows = [row for row in (await stage.get("/hostd/v1/requests")).json["requests"] if row["model"] == "strict"]
    places = [(row["client"], row["state"], row["position"]) for row in rows]
    assert [("bob", "waiting", 1), ("eve", "waiting", 2)] == places[1:]
    assert places[0] in (("ann", "prefill", None), ("ann", "streaming", None))
    first = (await stage.get(f"/hostd/v1/requests/{rows[1]['id']}")).json
    assert ("waiting", "strict", []) == (first["state"], first["model"], first["decisions"])
    await until_streaming(stage, rows[0]["id"])
    assert all(row["priority"] == "interactive" and row["since_ms"] >= 0 for row in rows)
    for each in asked:
        each.cancel()
    await until(lambda: not stage.model_state("strict").serving)


async def test_pins_and_unpins(stage: Stage) -> None:
    """Until it is unpinned no idle time ends it; both may be said twice."""
    for verb, pinned in (("pin", True), ("pin", True), ("unpin", False), ("unpin", False)):
        answer = await stage.send("POST", f"/hostd/v1/models/alpha/{verb}")
        assert (200, {"model": "alpha", "pinned": pinned}) == (answer.status, answer.json)
        assert pinned is (stage.app.dispatcher.model("alpha").unloads_at is None)
    told = (await stage.get("/hostd/v1/why?model=alpha&last=2")).json["decisions"]
    assert [("pinned", "asked"), ("unpinned", "asked")] == [(each["decision"], each["cause"]) for each in told]
