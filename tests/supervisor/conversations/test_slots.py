"""What is done to a slot before a request, against an engine that does what is said of it: it saves, restores, lies or fails."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from hostd.backends.contract import Endpoint, SlotFiles
from hostd.domain.answer_sums import AnswerSums
from hostd.domain.conversation import UNKNOWN, ConversationId
from hostd.domain.errors import EngineError
from hostd.supervisor.conversations import slots as module
from hostd.supervisor.conversations.slots import EngineSlots
from hostd.supervisor.conversations.store import ConversationStore
from hostd.supervisor.engine_server import EngineServer

A, B, C = (ConversationId(name, "p") for name in "abc")
FAR = ConversationId("far", "q")


@dataclass
class SlotEngine:
    """An engine whose slots hold words; *calls* are what it was told."""

    folder: Path
    slots: dict[int, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refuses: str = ""
    hold: asyncio.Event | None = None

    async def save_slot(self, http: Any, endpoint: Endpoint, slot: int, name: str) -> int:  # noqa: ARG002 - as the contract says
        """Write a slot to a file."""
        self.calls.append(f"save {slot} {self.slots.get(slot)}")
        if self.hold is not None:
            await self.hold.wait()
        if self.refuses == "save":
            raise EngineError("no")
        await asyncio.to_thread((self.folder / name).write_text, self.slots[slot])
        return 1000

    async def restore_slot(self, http: Any, endpoint: Endpoint, slot: int, name: str) -> int:  # noqa: ARG002
        """Read a slot from a file."""
        self.slots[slot] = await asyncio.to_thread((self.folder / name).read_text)
        self.calls.append(f"restore {slot} {self.slots[slot]}")
        if self.refuses == "restore":
            raise EngineError("no")
        return 1000


@dataclass
class _Server:
    engine: SlotEngine
    http: None = None
    launch: Any = None


@dataclass
class Bench:
    """One engine's slots, and what was told of it."""

    engine: SlotEngine
    held: EngineSlots
    spoilt: list[str]

    async def serve(
        self, slot: int, conversation: ConversationId, cached: int | None = 0, tokens: int = 1000
    ) -> list[str]:
        """Serve a request in a slot; return what the engine was told before it."""
        self.engine.calls.clear()
        await self.held.prepare(slot, conversation)
        self.engine.slots[slot] = conversation.key
        self.held.answered(slot, AnswerSums(prompt=tokens, cached=cached, answer=1))
        return list(self.engine.calls)


@dataclass
class _Launch:
    endpoint: Endpoint


@pytest.fixture
def store(tmp_path: Path) -> ConversationStore:
    """A store without files."""
    return ConversationStore(tmp_path, 10**9, lambda _: True)


@pytest.fixture
async def bench(tmp_path: Path, store: ConversationStore) -> Bench:
    """An engine with empty slots."""
    engine, spoilt = SlotEngine(tmp_path), list[str]()
    server = cast("EngineServer", _Server(engine, launch=_Launch(Endpoint("http://localhost", "m"))))
    return Bench(engine, EngineSlots("m", server, SlotFiles(tmp_path, "build"), store, spoilt.append), spoilt)


async def test_a_slot_that_holds_it_is_left_alone(bench: Bench) -> None:
    """From turn to turn nothing is moved."""
    assert [] == await bench.serve(0, A)
    assert [] == await bench.serve(0, A, cached=1000)


async def test_a_slot_is_saved_before_another_conversation(bench: Bench) -> None:
    """Once for each turn, and its conversation is restored when it comes back, wherever it is served."""
    await bench.serve(0, A)
    assert ["save 0 a"] == await bench.serve(0, FAR)
    assert ["save 0 far", "restore 0 a"] == await bench.serve(0, A, cached=1000)
    assert ["save 0 a", "restore 0 far"] == await bench.serve(0, FAR, cached=1000)
    await bench.held.save_all()
    assert ["restore 1 a"] == await bench.serve(1, A, cached=1000)


async def test_what_begins_alike_is_read_once(bench: Bench) -> None:
    """A new conversation in another slot begins with what the last one has read; in the same slot the engine sees to that."""
    await bench.serve(0, A)
    assert ["save 0 a", "restore 1 a"] == await bench.serve(1, B, cached=300)
    assert [] == await bench.serve(0, A, cached=1000, tokens=1100)
    assert ["save 0 a"] == await bench.serve(0, C, cached=300)


async def test_an_engine_that_goes_on_with_exact_conversations_only_is_given_no_others(bench: Bench) -> None:
    """Of one that begins alike it reused nothing; its own conversations are still restored, and the owner is told."""
    await bench.serve(0, A)
    assert ["save 0 a", "restore 1 a"] == await bench.serve(1, B, cached=0)
    assert bench.held.kept().note
    assert ["save 1 b"] == await bench.serve(1, C)
    assert ["save 1 c", "restore 1 b"] == await bench.serve(1, B, cached=1000)
    assert bench.held.kept().why_not is None
    assert 3 == bench.held.kept().files


async def test_a_busy_slot_is_not_saved(bench: Bench) -> None:
    """What is being computed there is waited for by nobody."""
    await bench.serve(0, A)
    await bench.held.prepare(0, A)
    assert [] == await bench.serve(1, B)
    await bench.held.save_all()
    assert ["save 1 b"] == bench.engine.calls


@pytest.mark.parametrize("cached", [None, 17, 1000])
async def test_what_was_restored_is_trusted(bench: Bench, cached: int | None) -> None:
    """As long as the engine reuses some of it, or does not tell."""
    await bench.serve(0, A)
    await bench.serve(0, FAR)
    await bench.serve(0, A, cached=cached)
    assert "restore 0 far" in await bench.serve(0, FAR)


async def test_an_engine_that_lies_is_not_believed_again(bench: Bench) -> None:
    """It said that it has restored a conversation, and read all of it anew."""
    await bench.serve(0, A)
    await bench.serve(0, FAR)
    assert "restore 0 a" in await bench.serve(0, A, cached=0)
    assert [] == await bench.serve(0, FAR)
    await bench.held.save_all()
    assert [] == bench.engine.calls


async def test_a_conversation_that_began_anew_is_no_lie(bench: Bench) -> None:
    """A client that has dropped its turns says less than was restored."""
    await bench.serve(0, A)
    await bench.serve(0, FAR)
    await bench.serve(0, A, cached=0, tokens=400)
    assert "restore 0 far" in await bench.serve(0, FAR)


async def test_a_restore_that_fails_spoils_the_engine(bench: Bench) -> None:
    """The file is forgotten, and so is nothing else."""
    await bench.serve(0, A)
    await bench.serve(0, FAR)
    bench.engine.refuses = "restore"
    with pytest.raises(EngineError, match="is started again"):
        await bench.held.prepare(0, A)
    assert 1 == len(bench.spoilt)
    bench.engine.refuses = ""
    bench.held.given_up(0)
    assert [] == await bench.serve(1, A)


async def test_a_save_that_fails_costs_nothing_else(bench: Bench) -> None:
    """The slot is used for the other conversation all the same."""
    await bench.serve(0, A)
    bench.engine.refuses = "save"
    assert ["save 0 a"] == await bench.serve(0, FAR)
    assert [] == bench.spoilt


async def test_little_and_unknown_is_not_saved(bench: Bench) -> None:
    """Few tokens are read again in no time; of a request without texts nothing could be found again."""
    await bench.serve(0, A, tokens=100)
    assert [] == await bench.serve(0, UNKNOWN)
    assert [] == await bench.serve(0, UNKNOWN)
    assert [] == await bench.serve(0, A)


async def test_an_engine_that_chooses_the_slot(bench: Bench) -> None:
    """May choose any idle one: all are saved first, and hold nothing that is known afterwards."""
    await bench.serve(0, A)
    await bench.serve(1, FAR)
    bench.engine.calls.clear()
    await bench.held.surrender()
    assert ["save 0 a", "save 1 far"] == bench.engine.calls
    assert ["restore 0 a"] == await bench.serve(0, A, cached=1000)


async def test_saving_all_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not answer keeps nobody from ending it."""
    await bench.serve(0, A)
    bench.engine.hold = asyncio.Event()
    monkeypatch.setattr(module, "SAVE_ALL_WITHIN", 0.5)
    await bench.held.save_all()
    assert ["save 0 a"] == bench.engine.calls
