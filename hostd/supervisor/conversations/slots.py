"""The slots of one running engine: what each holds, and how a conversation gets into the one that it is served in.

Theory of operation. The scheduler chooses the slot of a request, and gives no slot to two at once; so all that is done to a slot
before a request, and the request itself, are one step. A slot that holds another conversation is saved first, unless it is saved
already. Then the file of the request's own conversation is restored, or that of one which begins with the same instructions, of
which the engine uses just that part. Without a file the request is read from its beginning, as if nothing had ever been saved;
so it is whatever goes wrong. Before the engine is stopped, what its slots hold is saved (`save_all`).

An answer tells how many tokens of its prompt the engine did not read anew. One that says none after its own conversation was
restored is proof that restoring does not work for this model with this build, and no file is used for it any more. One that says
none after another's was, which begins alike, shows that the engine goes on with exact ones only, as models do whose state cannot
be taken back: from then on a file serves its own conversation alone.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from hostd.backends.contract import SlotFiles
from hostd.domain.answer_sums import AnswerSums
from hostd.domain.conversation import UNKNOWN, ConversationId, KeptConversations
from hostd.domain.errors import EngineError
from hostd.supervisor.conversations.files import CONTENT, SavedSlot, file_name
from hostd.supervisor.conversations.store import ConversationStore
from hostd.supervisor.engine_server import EngineServer

log = structlog.get_logger()

WORTH_SAVING = 256
"""Tokens from which a conversation is saved; fewer are read again in no time."""
_LIES = 16
"""Tokens up to which an engine that reuses as many of a restored conversation has not really restored it."""
SAVE_ALL_WITHIN = 10.0
"""Seconds that a stop waits for what the slots hold to be saved."""


@dataclass(slots=True)
class _Slot:
    """A slot that holds *tokens* of *conversation*, of which *saved* are in its file; *restored* until an answer has shown it.

    *borrowed* are tokens of another conversation that begins alike, until then.
    """

    conversation: ConversationId = UNKNOWN
    tokens: int = 0
    saved: int = 0
    restored: int = 0
    borrowed: int = 0
    busy: bool = False
    used: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class EngineSlots:
    """What the slots of the engine behind *server* hold. *spoilt* is told where the engine must not be used any more."""

    def __init__(
        self,
        model: str,
        server: EngineServer,
        files: SlotFiles,
        store: ConversationStore,
        spoilt: Callable[[str], None],
    ) -> None:
        self._model = model
        self._server = server
        self._files = files
        self._store = store
        self._spoilt = spoilt
        self._slots: dict[int, _Slot] = {}
        self._now = asyncio.get_running_loop().time

    async def prepare(self, number: int, conversation: ConversationId) -> None:
        """Have slot *number*, which is idle, hold what is known of *conversation*.

        Raises:
            EngineError: The engine must not be used any more.
        """
        slot = self._slots.setdefault(number, _Slot())
        async with slot.lock:
            slot.busy, slot.used = True, self._now()
            if not conversation.key or slot.conversation.key != conversation.key:
                await self._change(number, slot, conversation)

    async def surrender(self) -> None:
        """Save what idle slots hold, and forget it: a request comes for which the engine chooses the slot."""
        for number, slot in list(self._slots.items()):
            async with slot.lock:
                if not slot.busy:
                    await self._save(number, slot)
                    slot.conversation, slot.tokens, slot.saved = UNKNOWN, 0, 0

    async def _change(self, number: int, slot: _Slot, conversation: ConversationId) -> None:
        before, slot.restored, slot.borrowed = slot.conversation, 0, 0
        await self._save(number, slot)
        slot.conversation, slot.tokens, slot.saved = conversation, 0, 0
        if not self._trusted or not conversation.key:
            return
        if before.preamble != conversation.preamble:
            await self._save_alike(number, conversation)
        found = self._store.find(self._model, self._files.identity, conversation.key, conversation.preamble)
        own = found is not None and found.conversation == conversation.key
        # What the slot held before begins with the same instructions already.
        if found is None or (not own and before.preamble == conversation.preamble):
            return
        if not await self._store.is_sound(found):
            return
        await self._restore(number, found)
        if own:
            slot.tokens = slot.saved = slot.restored = found.tokens
        else:
            slot.borrowed = found.tokens

    def answered(self, number: int, sums: AnswerSums) -> None:
        """Note that the request in slot *number* was answered, and what that took."""
        slot, prompt, cached = self._slots[number], sums.prompt, sums.cached
        # A client that has begun its conversation anew says less than was restored.
        if slot.restored and cached is not None and cached <= _LIES < slot.restored <= prompt:
            log.warning(
                "restored_in_vain", model=self._model, restored=slot.restored, reused=cached, hint="no more is restored"
            )
            self._store.distrust(self._model, self._files.identity)
        elif slot.borrowed and cached is not None and cached <= _LIES:
            # Recurrent layers and windows go back to where a checkpoint was kept only, and old builds put none into files.
            log.info(
                "restored_in_vain", model=self._model, restored=slot.borrowed, reused=cached, hint="of another's file"
            )
            self._store.distrust_alike(self._model, self._files.identity)
        slot.restored, slot.borrowed, slot.tokens, slot.busy = 0, 0, prompt + sums.answer, False

    def given_up(self, number: int) -> None:
        """Note that the request in slot *number* is over without an answer: how much of it the slot holds is not known."""
        slot = self._slots[number]
        slot.restored, slot.borrowed, slot.busy = 0, 0, False
        slot.saved = min(slot.saved, slot.tokens)

    async def save_all(self) -> None:
        """Save what the idle slots hold, the last used first, within a bounded time."""
        try:
            async with asyncio.timeout(SAVE_ALL_WITHIN):
                for number, slot in sorted(self._slots.items(), key=lambda item: -item[1].used):
                    if not slot.busy:
                        async with slot.lock:
                            await self._save(number, slot)
        except TimeoutError:
            log.warning("conversations_not_saved", model=self._model, why=f"not done within {SAVE_ALL_WITHIN:g} s")

    def kept(self) -> KeptConversations:
        """Return what is kept of the model's conversations, and whether this engine uses it."""
        return self._store.kept(self._model, self._files.identity)

    @property
    def _trusted(self) -> bool:
        return self._store.trusts(self._model, self._files.identity)

    async def _save(self, number: int, slot: _Slot) -> None:
        key, preamble = slot.conversation
        if not key or slot.tokens < WORTH_SAVING or slot.tokens == slot.saved or not self._trusted:
            return
        name = file_name(self._model, self._files.identity, key)
        wanted = SavedSlot(
            name, self._model, self._files.identity, key, preamble, slot.tokens, 0, 0, used=self._store.time()
        )

        async def write(draft: str) -> int:
            return await self._server.engine.save_slot(self._server.http, self._server.launch.endpoint, number, draft)

        if await self._store.save(wanted, write) is not None:
            slot.saved = slot.tokens

    async def _save_alike(self, number: int, conversation: ConversationId) -> None:
        """Save an idle slot that begins like a new *conversation*, so that its beginning need not be read again."""
        alike = [
            (other, slot)
            for other, slot in self._slots.items()
            if other != number
            and not slot.busy
            and not slot.lock.locked()
            and slot.conversation.preamble == conversation.preamble
        ]
        if alike and conversation.preamble:
            other, slot = max(alike, key=lambda item: item[1].used)
            # Nobody holds it, so it is had at once; whoever holds one waits for no other.
            async with slot.lock:
                await self._save(other, slot)

    async def _restore(self, number: int, saved: SavedSlot) -> None:
        try:
            server, name = self._server, f"{saved.name}{CONTENT}"
            await server.engine.restore_slot(server.http, server.launch.endpoint, number, name)
        except EngineError as error:
            await self._store.forget(saved)
            why = f"a saved conversation could not be restored: {error.message}"
            self._spoilt(why)
            raise EngineError(f"the engine of '{self._model}' is started again, since {why}") from None
