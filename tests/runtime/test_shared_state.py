"""Hosts that share budgets and sessions through a real Redis server."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio.client import PubSub

from hostd.domain.budget import Account, Amounts, OthersUse, Owner
from hostd.domain.model_choice import Difficulty, TaskType
from hostd.routing.session import ConversationState, SessionKey, SessionPolicy
from hostd.runtime.shared_state import CHANNEL, SharedState, host_id
from hostd.scheduling.events import UsedElsewhere
from tests.redis_server import needs_redis, redis_server

ALICE = Account(Owner.KEY, "alice")
SESSION: SessionKey = ("alice", "talk", "auto")
TALK = ConversationState("small", "large", 3, Difficulty(4, TaskType.CODE))


class Party:
    """One host: what it has used up, and what it has heard of the others."""

    def __init__(self, url: str, name: str) -> None:
        self.own: dict[Account, OthersUse] = {}
        self.heard: dict[Account, OthersUse] = {}
        self.recent: list[bool] = []
        self.sessions = SessionPolicy()
        self.known: dict[SessionKey, ConversationState] = {}
        self._revision = 0
        learn = self.sessions.learn

        def learnt(key: SessionKey, state: ConversationState) -> None:
            learn(key, state)
            self.known[key] = state

        self.sessions.learn = learnt  # type: ignore[method-assign]
        self.shared = SharedState(url, lambda: self.own, lambda: self._revision, self.sessions, self._post, host=name)

    def _post(self, event: UsedElsewhere) -> None:
        self.heard |= event.used
        self.recent.append(event.recent)

    def uses(self, requests: float) -> None:
        """Have used up so many requests today."""
        self.own[ALICE] = OthersUse(Amounts(requests), Amounts(requests))
        self._revision += 1

    @property
    def others(self) -> float:
        """The requests of today that the others have told."""
        return self.heard.get(ALICE, OthersUse()).day.requests


@asynccontextmanager
async def party(url: str, name: str) -> AsyncIterator[Party]:
    """Run one host."""
    host = Party(url, name)
    await host.shared.start()
    try:
        yield host
    finally:
        await host.shared.close()


async def until(condition: Callable[[], bool]) -> None:
    """Return once *condition* holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what it looks at is another host's
            await asyncio.sleep(0.01)


@needs_redis
async def test_use_reaches_the_others(tmp_path: Path) -> None:
    """Those that are there, at once; one that comes later, or comes back, from what is kept, and not as something recent."""
    with redis_server(tmp_path) as url:
        async with party(url, "a") as a, party(url, "b") as b:
            a.uses(2)
            await until(lambda: b.others == 2)
            b.uses(3)
            await until(lambda: a.others == 3)
            a.uses(4)
            await until(lambda: b.others == 4)
            assert a.others == 3
            assert b.recent[-1]
            async with party(url, "c") as late:
                await until(lambda: late.others == 7)
                assert not late.recent[0]
        async with party(url, "a") as again:
            await until(lambda: again.others == 3)
            assert not again.recent[0]


@needs_redis
async def test_ends_where_its_cancellation_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may take it for the end of a time of its own; a daemon that stops must not wait for ever."""
    asked = asyncio.Event()

    async def deaf(_channel: PubSub, **_options: object) -> None:
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)

    with redis_server(tmp_path) as url:
        host = Party(url, "a")
        await host.shared.start()
        await until(lambda: repr(host.shared).endswith("connected>"))
        monkeypatch.setattr(PubSub, "get_message", deaf)
        await asked.wait()
        async with asyncio.timeout(5):
            await host.shared.close()


@needs_redis
async def test_sessions_reach_the_others(tmp_path: Path) -> None:
    """With all that is known of them, now and for those that come later."""
    with redis_server(tmp_path) as url:
        async with party(url, "a") as a, party(url, "b") as b:
            assert a.sessions.tell is not None
            await until(lambda: repr(a.shared).endswith("connected>"))
            a.sessions.tell(SESSION, TALK)
            await until(lambda: b.known.get(SESSION) == TALK)
            async with party(url, "c") as late:
                await until(lambda: late.known.get(SESSION) == TALK)


@needs_redis
async def test_a_server_that_goes_away_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host counts for itself meanwhile, and tells all when the server, which has kept nothing, is back."""
    monkeypatch.setattr("hostd.runtime.shared_state.RETRY", 0.05)
    with redis_server(tmp_path) as url:
        a, b = Party(url, "a"), Party(url, "b")
        for host in (a, b):
            await host.shared.start()
        a.uses(2)
        await until(lambda: b.others == 2)
    await until(lambda: a.shared.trouble is not None and b.shared.trouble is not None)
    a.uses(5)
    assert b.others == 2
    with redis_server(tmp_path) as url:
        await until(lambda: b.others == 5)
        await until(lambda: a.shared.trouble is None and b.shared.trouble is None)
        for host in (a, b):
            await host.shared.close()


@needs_redis
async def test_what_is_no_message_is_passed_over(tmp_path: Path) -> None:
    """Others may use the same server, and later versions of hostd may say more."""
    from redis.asyncio import Redis  # noqa: PLC0415 - only where there is a server

    with redis_server(tmp_path) as url:
        async with party(url, "a") as a, Redis.from_url(url) as redis:
            await until(lambda: a.shared.trouble is None)
            await redis.hset("hostd:use:x", mapping={"key:y": b"nonsense"})
            await redis.sadd("hostd:hosts", "x")
            for nonsense in (b"", b"{", b"[1]", b'{"host": 1}', b'{"host": "x", "use": [["key"]]}', b"\xff"):
                await redis.publish(CHANNEL, nonsense)
            async with party(url, "b") as b:
                b.uses(1)
                await until(lambda: a.others == 1)


def test_a_host_keeps_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Over restarts, so that its sums are its own; a folder that cannot be written gives it one for this run."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    name = host_id()
    assert name == host_id()
    assert 0o600 == (tmp_path / "state/host_id").stat().st_mode & 0o777
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "file"))
    assert 2 == len(set(itertools.islice(iter(host_id, None), 2)))
