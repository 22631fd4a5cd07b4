"""Responses are kept for a bounded time and size, apart by owner, in a file of their own."""

import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from hostd.domain.errors import CapacityError
from hostd.domain.server_settings import StateSettings
from hostd.gateway.responses.store import Conversation, KeptResponse, ResponseStore


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[ResponseStore]:
    """A store that keeps 1,000 bytes for 100 seconds."""
    made = ResponseStore(tmp_path / "state" / "responses.sqlite", StateSettings(100.0, 1000), clock)
    yield made
    await made.close()


def kept(name: str, previous: str = "", *, owner: str = "me", private: bool = False, size: int = 0) -> KeptResponse:
    """Return a response."""
    given, made = f'["{name} asks"]'.encode(), f'["{name} says"]'.encode()
    response = json.dumps({"id": name, "pad": "x" * size}).encode()
    return KeptResponse(name, owner, private, previous, given, made, response, {f"item_{name}": b'{"a":1}'})


def set_aside_in(folder: Path) -> list[bytes]:
    """Return the files that were set aside there."""
    return [each.read_bytes() for each in folder.glob("*.spoilt-*")]


async def test_a_conversation_is_all_that_was_said(store: ResponseStore) -> None:
    """The oldest first."""
    for name, previous in (("a", ""), ("b", "a"), ("c", "b"), ("other", "a")):
        await store.keep(kept(name, previous))
    said = (b'["a asks"]', b'["a says"]', b'["b asks"]', b'["b says"]', b'["c asks"]', b'["c says"]')
    assert Conversation(said, private=False) == await store.conversation("me", "c")
    assert (kept("c").response, kept("c").input) == await store.find("me", "c")


async def test_owners_see_only_their_own(store: ResponseStore) -> None:
    """Whatever they ask, and whatever a response goes on from."""
    await store.keep(kept("a", owner="you"))
    await store.keep(kept("b", "a"))
    assert await store.conversation("me", "a") is None
    assert await store.conversation("me", "b") is None
    assert await store.find("me", "a") is None
    assert ({}, False) == await store.items("me", ["item_a"])
    assert not await store.delete("me", "a")
    assert await store.find("you", "a") is not None


async def test_what_is_private_stays_so(store: ResponseStore) -> None:
    """A conversation is private if any of its responses is, and an item if its response is."""
    await store.keep(kept("a", private=True))
    await store.keep(kept("b", "a"))
    found = await store.conversation("me", "b")
    assert found is not None
    assert found.private
    assert ({"item_a": b'{"a":1}'}, True) == await store.items("me", ["item_a", "absent"])
    assert ({"item_b": b'{"a":1}'}, False) == await store.items("me", ["item_b"])


async def test_what_is_deleted_is_gone(store: ResponseStore, tmp_path: Path) -> None:
    """With its items, and for what goes on from it; nothing of it is left in the file."""
    await store.keep(kept("secret"))
    await store.keep(kept("b", "secret"))
    assert await store.delete("me", "secret")
    assert not await store.delete("me", "secret")
    assert await store.conversation("me", "b") is None
    assert ({}, False) == await store.items("me", ["item_secret"])
    await store.close()
    assert b"secret asks" not in (tmp_path / "state" / "responses.sqlite").read_bytes()


async def test_what_was_not_used_for_long_is_gone(store: ResponseStore, clock: Clock) -> None:
    """A conversation that goes on is used, from its beginning; reading alone is no use."""
    for name, previous in (("a", ""), ("b", "a"), ("c", "")):
        await store.keep(kept(name, previous))
    clock.now += 60
    await store.conversation("me", "b")
    await store.find("me", "c")
    clock.now += 60
    assert await store.find("me", "c") is None
    assert await store.conversation("me", "b") is not None
    await store.keep(kept("d"))
    assert not await store.delete("me", "c")


async def test_a_clock_far_ahead_deletes_nothing(store: ResponseStore, clock: Clock) -> None:
    """What seems old is not shown, and is there again as soon as the clock is corrected."""
    await store.keep(kept("a"))
    clock.now += 365 * 86400
    await store.keep(kept("b"))
    assert await store.find("me", "a") is None
    clock.now -= 365 * 86400
    await store.keep(kept("c"))
    assert await store.find("me", "a") is not None


async def test_the_oldest_give_way(store: ResponseStore, clock: Clock) -> None:
    """As many as it takes; one that is too large by itself is not kept."""
    for name in "abc":
        await store.keep(kept(name, size=300))
        clock.now += 1
    assert [True, False, False] == [await store.find("me", name) is None for name in "abc"]
    await store.keep(kept("d", size=2000))
    assert [True] * 4 == [await store.find("me", name) is None for name in "abcd"]


async def test_it_is_found_again(store: ResponseStore, tmp_path: Path, clock: Clock) -> None:
    """After a restart, by this user alone; a file that is broken is set aside."""
    path = tmp_path / "state" / "responses.sqlite"
    await store.keep(kept("a"))
    assert {0o600} == {each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    await store.close()
    again = ResponseStore(path, StateSettings(100.0), clock)
    assert await again.find("me", "a") is not None
    await again.close()
    path.write_bytes(b"no database" * 500)
    anew = ResponseStore(path, StateSettings(100.0), clock)
    assert await anew.find("me", "a") is None
    await anew.close()
    assert any(".spoilt-" in each.name for each in path.parent.iterdir())


async def test_a_file_lost_while_it_is_used_is_begun_anew(store: ResponseStore, tmp_path: Path) -> None:
    """Removed or overwritten: what was kept is gone, and what comes is kept where the next daemon finds it."""
    path = tmp_path / "state" / "responses.sqlite"
    await store.keep(kept("a"))
    path.unlink()
    assert await store.find("me", "a") is None
    await store.keep(kept("b"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else all of it is written from the log once more
    path.write_bytes(b"no database" * 1000)
    assert await store.find("me", "b") is None
    await store.keep(kept("c"))
    again = ResponseStore(path, StateSettings(100.0, 1000), Clock())
    assert (kept("c").response, kept("c").input) == await again.find("me", "c")
    await again.close()
    assert [b"no database" * 1000] == set_aside_in(path.parent)


async def test_a_broken_page_is_set_aside_with_its_file(tmp_path: Path, clock: Clock) -> None:
    """The request that finds it is refused, the next ones are not."""
    path = tmp_path / "responses.sqlite"
    before = ResponseStore(path, StateSettings(100.0, 1000), clock)
    await before.keep(kept("a"))
    await before.close()
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(path.stat().st_size - 4096))
    store = ResponseStore(path, StateSettings(100.0, 1000), clock)
    with pytest.raises(CapacityError):
        await store.find("me", "a")
    await store.keep(kept("b"))
    assert await store.find("me", "b") is not None
    await store.close()
    assert 1 == len(set_aside_in(tmp_path))


async def test_a_store_that_fails_loses_no_answer(tmp_path: Path) -> None:
    """What asks is told; what keeps goes on."""
    (tmp_path / "responses.sqlite").mkdir()
    store = ResponseStore(tmp_path / "responses.sqlite", StateSettings(100.0))
    await store.keep(kept("a"))
    with pytest.raises(CapacityError, match="cannot be used"):
        await store.find("me", "a")
    await store.close()
