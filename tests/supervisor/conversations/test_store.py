"""The saved conversations of all models."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.errors import EngineError
from hostd.supervisor.conversations import store as module
from hostd.supervisor.conversations.files import SavedSlot, file_name
from hostd.supervisor.conversations.store import ConversationStore

SIZE = 1000


def files_in(folder: Path) -> set[str]:
    """Return the names of the files in *folder*."""
    return {path.name for path in folder.iterdir()}


class Shelf:
    """A store, its folder, and a clock that goes on by one with each look."""

    def __init__(self, folder: Path, budget: int = 100 * SIZE, *wanted: str) -> None:
        self.folder = folder
        self.now = 0.0
        self.store = ConversationStore(folder, budget, lambda model: not wanted or model in wanted, self.clock)

    def clock(self) -> float:
        """Return the time."""
        self.now += 1.0
        return self.now

    async def save(
        self, conversation: str, model: str = "m", preamble: str = "p", tokens: int = 10
    ) -> SavedSlot | None:
        """Save a conversation as an engine would."""
        name = file_name(model, "build", conversation)

        async def write(draft: str) -> int:
            (self.folder / draft).write_bytes(os.urandom(SIZE))
            return tokens

        return await self.store.save(
            SavedSlot(name, model, "build", conversation, preamble, tokens, 0, 0, self.clock()), write
        )

    def found(self, conversation: str, model: str = "m", identity: str = "build", preamble: str = "") -> str | None:
        """Return the conversation whose file would be restored."""
        saved = self.store.find(model, identity, conversation, preamble)
        return None if saved is None else saved.conversation


async def test_found_by_conversation_then_by_beginning(tmp_path: Path) -> None:
    """Of those that begin alike the last used; never another model's, or another build's."""
    shelf = Shelf(tmp_path)
    await shelf.save("a")
    await shelf.save("b")
    await shelf.save("c", model="other")
    assert ["a", "b", "b", None, None, None] == [
        shelf.found("a", preamble="p"),
        shelf.found("b", preamble="p"),
        shelf.found("x", preamble="p"),
        shelf.found("x"),
        shelf.found("a", identity="newer", preamble="p"),
        shelf.found("c", preamble="q"),
    ]
    saved = shelf.store.find("m", "build", "a", "")
    assert saved is not None
    assert await shelf.store.is_sound(saved)
    assert "a" == shelf.found("x", preamble="p")


async def test_the_least_recently_used_give_way(tmp_path: Path) -> None:
    """Within the budget; a file that is larger than all of it is not kept."""
    shelf = Shelf(tmp_path, 2 * SIZE + 1)
    for conversation in "abc":
        assert await shelf.save(conversation) is not None
    assert [None, "b", "c"] == [shelf.found(each) for each in "abc"]
    assert 2 * SIZE == shelf.store.size
    assert 4 == len(files_in(tmp_path))
    small = Shelf(tmp_path / "small", SIZE - 1)
    small.folder.mkdir()
    assert await small.save("a") is None
    assert set() == files_in(small.folder)


async def test_kept_over_a_restart(tmp_path: Path) -> None:
    """For the models that are still to be kept; what another has left is deleted."""
    shelf = Shelf(tmp_path)
    await shelf.save("a")
    await shelf.save("b", model="gone")
    (tmp_path / "left.1-1.part").write_bytes(b"x")
    again = Shelf(tmp_path, 100 * SIZE, "m")
    await again.store.start()
    assert ["a", None] == [again.found("a"), again.found("b", model="gone")]
    assert 2 == len(files_in(tmp_path))
    smaller = Shelf(tmp_path, 10, "m")
    await smaller.store.start()
    assert set() == files_in(tmp_path)


async def test_a_damaged_file_is_forgotten(tmp_path: Path) -> None:
    """And deleted."""
    shelf = Shelf(tmp_path)
    saved = await shelf.save("a")
    assert saved is not None
    os.truncate(tmp_path / f"{saved.name}.kv", SIZE // 2)
    assert not await shelf.store.is_sound(saved)
    assert shelf.found("a") is None
    assert set() == files_in(tmp_path)


async def test_what_goes_wrong_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that fails, writes nothing, or an empty slot; a disk that is nearly full. What was kept before stays."""
    shelf = Shelf(tmp_path)
    before = await shelf.save("a")
    assert before is not None

    async def fails(draft: str) -> int:
        (tmp_path / draft).write_bytes(b"half")
        raise EngineError("it was killed")

    async def writes_nothing(draft: str) -> int:
        return len(draft)

    for write in (fails, writes_nothing):
        assert await shelf.store.save(replace(before, tokens=20), write) is None
    assert await shelf.save("b", tokens=0) is None
    with monkeypatch.context() as patch:
        patch.setattr(module, "LEAST_FREE", 2**62)
        assert await shelf.save("c") is None
    assert ["a", None, None] == [shelf.found(each) for each in "abc"]
    assert {f"{before.name}.kv", f"{before.name}.json"} == files_in(tmp_path)


async def test_distrusted(tmp_path: Path) -> None:
    """Nothing more is restored for that build of that model, and all others go on."""
    shelf = Shelf(tmp_path)
    await shelf.save("a")
    shelf.store.distrust("m", "build")
    assert not shelf.store.trusts("m", "build")
    assert shelf.store.trusts("m", "newer")
    assert shelf.found("a", preamble="p") is None
