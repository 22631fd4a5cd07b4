"""The saved conversations of all models: found by conversation or by a common beginning, bounded together by a disk budget."""

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from hostd.domain.conversation import KeptConversations
from hostd.domain.errors import EngineError
from hostd.domain.units import format_size
from hostd.supervisor.conversations import files
from hostd.supervisor.conversations.files import SavedSlot

log = structlog.get_logger()

LEAST_FREE = 1024**3
"""Bytes that are left free on the disk, whatever the budget allows."""

_numbers = itertools.count(1)


class ConversationStore:
    """Keeps files in *folder*, of *budget* bytes together; it belongs to the event loop, and its disk work is done in threads."""

    def __init__(
        self, folder: Path, budget: int, wanted: Callable[[str], bool], clock: Callable[[], float] = time.time
    ) -> None:
        """Keep the files of the models that are *wanted* when it starts; *clock* gives seconds since 1970."""
        self._folder = folder
        self._budget = budget
        self._clock = clock
        self._wanted = wanted
        self._saved: dict[str, SavedSlot] = {}
        self._untrusted: set[tuple[str, str]] = set()
        self._exact_only: set[tuple[str, str]] = set()
        self._bytes_per_token: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<ConversationStore {self._folder}: {len(self._saved)} files, {format_size(self.size)}>"

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(each.size for each in self._saved.values())

    def time(self) -> float:
        """Return the seconds since 1970."""
        return self._clock()

    async def start(self) -> None:
        """Read what an earlier daemon has kept, and delete what is wanted no more; no engine may write meanwhile."""
        found = await asyncio.to_thread(files.read_all, self._folder)
        self._saved = {each.name: each for each in found if self._wanted(each.model)}
        unwanted = [each.name for each in found if each.name not in self._saved]
        await asyncio.to_thread(files.delete, self._folder, unwanted)
        await self._keep_to_budget()

    def find(self, model: str, identity: str, conversation: str, preamble: str) -> SavedSlot | None:
        """Return the file of *conversation*, else the last one with the same *preamble*; None where none may be used."""
        if (model, identity) in self._untrusted or not conversation:
            return None
        known = self._saved
        own = known.get(files.file_name(model, identity, conversation))
        if own is not None or not preamble or (model, identity) in self._exact_only:
            return own
        alike = (each for each in known.values() if (each.model, each.identity) == (model, identity))
        return max((each for each in alike if each.preamble == preamble), key=lambda each: each.used, default=None)

    async def is_sound(self, saved: SavedSlot) -> bool:
        """Return whether the file may be given to an engine; one that may not is deleted."""
        if await asyncio.to_thread(files.is_sound, self._folder, saved):
            used = replace(saved, used=self._clock())
            self._saved[saved.name] = used
            await asyncio.to_thread(files.note_use, self._folder, used)
            return True
        log.warning("saved_conversation_damaged", model=saved.model, file=saved.name)
        await self.forget(saved)
        return False

    async def forget(self, saved: SavedSlot) -> None:
        """Delete the file of *saved*."""
        self._saved.pop(saved.name, None)
        await asyncio.to_thread(files.delete, self._folder, [saved.name])

    async def save(self, saved: SavedSlot, write: Callable[[str], Awaitable[int]]) -> SavedSlot | None:
        """Have an engine *write* a conversation to a file; return what it has become, None where it was not kept.

        *write* is called with the name of the file, and returns how many tokens it has. What is wrong is logged, never raised.
        """
        draft = draft_name(saved)
        try:
            await asyncio.to_thread(self._ensure_room, saved)
            tokens = await write(draft)
            if tokens <= 0:
                return None
            whole = await asyncio.to_thread(files.seal, self._folder, draft, replace(saved, tokens=tokens))
        except (EngineError, OSError) as error:
            why = error.message if isinstance(error, EngineError) else error.strerror or str(error)
            log.warning("conversation_not_saved", model=saved.model, why=why)
            return None
        finally:
            with suppress(OSError):
                (self._folder / draft).unlink()
        self._bytes_per_token[saved.model] = whole.size / tokens
        self._saved[whole.name] = whole
        await self._keep_to_budget()
        return self._saved.get(whole.name)

    def distrust(self, model: str, identity: str) -> None:
        """Use no file of *model* with that *identity* any more: what was restored was not what had been saved."""
        self._untrusted.add((model, identity))

    def distrust_alike(self, model: str, identity: str) -> None:
        """Use files of *model* with that *identity* for their own conversations only: of a common beginning nothing was reused."""
        self._exact_only.add((model, identity))

    def kept(self, model: str, identity: str) -> KeptConversations:
        """Return what is kept of *model*, and whether it is used by engines with that *identity*."""
        files = [each for each in self._saved.values() if each.model == model]
        key, why, note = (model, identity), None, None
        if key in self._untrusted:
            why = "its engine has read anew what it had restored; tried again when hostd or the engine's build changes"
        elif key in self._exact_only:
            note = "by the same conversation only: of another that begins alike, its engine has reused nothing"
        return KeptConversations(len(files), sum(each.size for each in files), why, note)

    def trusts(self, model: str, identity: str) -> bool:
        """Return whether files of *model* with that *identity* may be used."""
        return (model, identity) not in self._untrusted

    def _ensure_room(self, saved: SavedSlot) -> None:
        needs = int(saved.tokens * self._bytes_per_token.get(saved.model, 0.0))
        if needs > self._budget:
            raise EngineError(f"it needs {format_size(needs)}, and kv.disk allows {format_size(self._budget)}")
        if files.free_bytes(self._folder) - needs < LEAST_FREE:
            raise EngineError(f"the disk has less than {format_size(LEAST_FREE + needs)} left")

    async def _keep_to_budget(self) -> None:
        over, victims = self.size - self._budget, list[str]()
        for each in sorted(self._saved.values(), key=lambda each: each.used):
            if over <= 0:
                break
            over -= each.size
            victims.append(each.name)
        for name in victims:
            del self._saved[name]
        if victims:
            await asyncio.to_thread(files.delete, self._folder, victims)


def draft_name(saved: SavedSlot) -> str:
    """Return the name of the file that an engine writes *saved* to; no two have the same."""
    return f"{saved.name}.{os.getpid()}-{next(_numbers)}.part"
