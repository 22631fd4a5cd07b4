"""Whoever follows events is told the state, what has happened, and what happens."""

import asyncio
import itertools
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

import hostd
from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.gateway.events import feed, handlers
from tests.conftest import OpenDaemon
from tests.gateway.events.stream import PATH, following
from tests.stage import Stage, make_profile, make_settings, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_begins_with_the_past_and_the_state(stage: Stage) -> None:
    """First who answers, then the last decisions and requests, and after them each part of the state."""
    asked = await stage.ask("alpha")
    async with following(stage, "?last=200") as stream:
        found = dict([await stream.next() for _ in range(7)])
    assert ["hello", "decisions", "past", "status", "models", "memory", "requests"] == list(found)
    assert (__version__, False, 250) == tuple(found["hello"][name] for name in ("version", "resumed", "every_ms"))
    assert asked.headers["x-request-id"] == found["past"]["past"][-1]["id"]
    assert {"at", "decision", "model", "request", "why"} <= found["decisions"]["decisions"][-1].keys()
    assert list(stage.app.instances) == [row["model"] for row in found["models"]["models"]]


async def test_tells_what_changes(stage: Stage) -> None:
    """A model that is loaded, the decisions that led to it, and a request from when it waits until it is over."""
    async with following(stage, "?last=0") as stream:
        await stage.app.dispatcher.load("spare")
        await stream.until("decisions", lambda data: "model_ready" in [each["decision"] for each in data["decisions"]])
        ready = await stream.until("models", lambda data: {"spare": "ready"}.items() <= _states(data).items())
        spare = _row(ready, "spare")
        assert (False, 4096, "text") == tuple(spare[name] for name in ("pinned", "context", "task"))
        await stage.script("strict", first_token_delay=0.6)
        asking = [stage.begin("strict") for _ in range(2)]
        shown = await stream.until("requests", lambda data: len(data["requests"]) == 2)
        assert [None, 1] == [row["position"] for row in shown["requests"]]
        assert ["prefill", "waiting"] == [row["state"] for row in shown["requests"]]
        assert all(row["at"].endswith("Z") for row in shown["requests"])
        ids = [(await task).headers["x-request-id"] for task in asking]
        past = await stream.until("past", lambda data: ids[1] in [row["id"] for row in data["past"]])
        assert {("strict", "answered", 200)} == {(row["model"], row["state"], row["status"]) for row in past["past"]}
        await stream.until("requests", lambda data: not data["requests"])


def _row(data: dict[str, list[dict[str, object]]], model: str) -> dict[str, object]:
    return next(row for row in data["models"] if row["model"] == model)


def _states(data: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {row["model"]: row["state"] for row in data["models"]}


async def test_every_field_is_documented(stage: Stage) -> None:
    """What is sent is what the reference says, and nothing that it says is missing."""
    text = (Path(hostd.__file__).parent / "gateway" / "README.md").read_text("utf-8")
    table = text.partition("<!-- events -->")[2].partition("<!-- /events -->")[0]
    said = {row.split("`")[1]: set(re.findall(r"`(\w+)`", row)) for row in table.splitlines() if row.startswith("| `")}
    await stage.script("strict", first_token_delay=0.4)
    await stage.ask("alpha")
    stage.begin("strict")
    await until(lambda: stage.model_state("strict").serving)
    async with following(stage) as stream:
        found = dict([await stream.next() for _ in range(7)])
    assert found.keys() == said.keys()
    for name, data in found.items():
        rows = data[name][-1] if name in data else data["pools"][0] if name == "memory" else {}
        sent = {*data, *rows} | ({"model"} if name == "memory" else set())
        # The numbers of a decision are those of its kind.
        assert name == "decisions" or set() == sent - said[name], name
    optional = {"waiting", "prefill", "streaming", "cause"}
    for name in ("requests", "past", "models", "status", "hello"):
        known = str(found[name])
        providers = {"provider", "today_usd", "reserved_usd", "daily_usd", "resets_at"}
        prompts = {"read_tokens", "total_tokens"}
        missing = {word for word in said[name] if f"'{word}'" not in known} - optional - providers - prompts
        assert {name} >= missing, name


async def test_sends_what_is_asked_for(stage: Stage) -> None:
    """``only`` names events; a name that is none is refused, with those that are."""
    async with following(stage, "?only=status,%20memory&last=1") as stream:
        assert ["hello", "status", "memory"] == [(await stream.next())[0] for _ in range(3)]
    refused = await stage.get(PATH + "?only=staus")
    assert (400, "only") == (refused.status, refused.error["param"])
    assert "models" in refused.error["message"]
    head = await stage.send("HEAD", PATH)
    assert (200, "text/event-stream") == (head.status, head.headers["content-type"])


async def test_goes_on_from_where_a_client_was(stage: Stage) -> None:
    """What was missed is told once; an id of another run of the daemon means the last entries anew."""
    async with following(stage) as stream:
        await stream.until("requests")
        known = stream.id
    missed = (await stage.ask("beta")).headers["x-request-id"]
    async with following(stage, Last_Event_ID=known) as stream:
        assert (await stream.next())[1]["resumed"] is True
        name, data = await stream.next()
        assert ("past", [missed]) == (name, [row["id"] for row in data["past"]])
    async with following(stage, Last_Event_ID="00000000-1-1") as stream:
        assert (await stream.next())[1]["resumed"] is False


async def test_says_that_it_is_alive(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens for a while, a comment comes."""
    monkeypatch.setattr(handlers, "_ALIVE_EVERY", 0.05)
    async with following(stage, "?only=past") as stream:
        await stream.until("past")
        await stage.get("/healthz")
        reading = asyncio.ensure_future(stream.next())
        await until(lambda: stream.comments)
        await stage.ask("alpha")
        assert (await reading)[0] == "past"


async def test_ends_with_the_daemon(open_daemon: OpenDaemon, weights: object) -> None:
    """The last event of a daemon that shuts down is followed by the end of the stream, at once."""
    async with open_daemon(make_settings(make_profile("one", str(weights)))) as stage, following(stage) as stream:
        await stream.until("requests")
        assert State.COLD is await stage.app.dispatcher.unload("one")
        stage.app.recent.close()
        await stream.until("models", lambda data: _states(data) == {"one": "cold"})
        while (await stream.next())[0]:
            pass


async def test_one_that_does_not_read_is_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not read does not pile up: of what another one is sent meanwhile it gets a part, and then the end."""
    size, sent = 400_000, 100
    monkeypatch.setattr(handlers, "_UNREAD", 0.3)
    monkeypatch.setattr(feed, "EVERY", 0.01)
    numbers = itertools.count()
    monkeypatch.setattr(feed, "STATES", {"status": lambda _: {"number": next(numbers), "noise": "x" * size}})
    host, _, port = stage.url.removeprefix("http://").partition(":")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (host, int(port)))
        await loop.sock_sendall(slow, f"GET {PATH}?only=status HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with following(stage, "?only=status") as other, asyncio.timeout(20):
            seen = [(await other.until("status"))["number"] for _ in range(sent)]
            assert seen == sorted(set(seen))
            got = 0
            with suppress(ConnectionError):
                while data := await loop.sock_recv(slow, 1 << 20):
                    got += len(data)
            assert 0 < got < size * sent / 2


async def test_there_is_a_bound_on_followers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may follow is told to come back, and may when another has left."""
    monkeypatch.setattr(handlers, "_MOST_FOLLOWERS", 1)
    async with following(stage) as stream:
        await stream.until("requests")
        refused = await stage.get(PATH)
        assert (503, "too_many_followers") == (refused.status, refused.error["code"])
    for _ in range(100):
        async with stage.http.get(stage.url + PATH) as response:
            if response.status == 200:
                return
        await asyncio.sleep(0.02)
    pytest.fail("nobody may follow any more")
