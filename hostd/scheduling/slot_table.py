"""Which conversation each slot of an engine was last used for, and which slot the next request gets.

A conversation goes on in the slot that it was last served in. One that is in none gets a slot that holds nothing, else the one that
was used least recently. Slots that are taken are passed over. There are as many slots as the engine decodes sequences together,
which may be more than requests are served at once: those left over keep conversations.

What a slot holds may turn out to be less, as only the engine knows; then more of a prompt is read, and nothing else happens.
"""

from dataclasses import dataclass

from hostd.domain.conversation import UNKNOWN, ConversationId

_NEVER = float("-inf")


@dataclass(slots=True)
class SlotState:
    """One slot: the *conversation* that it holds *tokens* of, when it was last *used* (seconds), and whose it is now, by ticket."""

    number: int
    conversation: ConversationId = UNKNOWN
    tokens: int = 0
    used: float = _NEVER
    ticket: str = ""


class SlotTable:
    """The slots of one engine."""

    def __init__(self, count: int) -> None:
        self._slots = [SlotState(number) for number in range(count)]
        self._taken: dict[str, SlotState] = {}

    def __repr__(self) -> str:
        return f"<SlotTable {len(self._taken)} of {len(self._slots)} taken>"

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def held(self) -> list[SlotState]:
        """The slots that hold a part of a conversation."""
        return [slot for slot in self._slots if slot.tokens]

    def holds(self, conversation: ConversationId) -> bool:
        """Return whether a free slot holds *conversation*."""
        return bool(conversation.key) and any(
            slot.conversation.key == conversation.key for slot in self._slots if not slot.ticket
        )

    def take(self, ticket_id: str, conversation: ConversationId, now: float) -> int | None:
        """Give a free slot to a request and return its number; None where none is free."""
        free = [slot for slot in self._slots if not slot.ticket]
        if not free:
            return None
        own = [slot for slot in free if conversation.key and slot.conversation.key == conversation.key]
        slot = max(own, key=lambda each: each.used) if own else min(free, key=lambda each: (each.used, each.number))
        if slot.conversation.key != conversation.key:
            slot.tokens = 0
        slot.conversation, slot.used, slot.ticket = conversation, now, ticket_id
        self._taken[ticket_id] = slot
        return slot.number

    def release(self, ticket_id: str, now: float, tokens: int = 0) -> None:
        """Take a request's slot back, which holds *tokens* of its conversation now (0: not known)."""
        if (slot := self._taken.pop(ticket_id, None)) is not None:
            slot.ticket, slot.used = "", now
            slot.tokens = tokens or slot.tokens
