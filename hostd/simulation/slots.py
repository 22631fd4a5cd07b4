"""What the slots of a virtual engine hold of conversations, and how much of a prompt it therefore need not read.

An engine that is told no slot takes that of the same conversation, else the one used least recently, as llama-server does. One
that is told (`hostd.scheduling.slot_table`) is hostd's, which also keeps what has to leave a slot or an engine in files.
"""

from dataclasses import dataclass

RESTORED_PER_SECOND = 20_000.0
"""Tokens read from a file a second: 128 KiB of each token from a drive that reads 2.5 GB/s."""


@dataclass(slots=True)
class VirtualSlot:
    """One slot: the *session* of which it holds *tokens*, when it was last *used*, and for which *ticket* it is used now."""

    session: str = ""
    tokens: int = 0
    used: float = -1.0
    ticket: str = ""


class VirtualSlots:
    """The slots of one engine; *saved* are the tokens of each session that a file holds, None where none are kept."""

    def __init__(self, count: int, saved: dict[str, int] | None = None) -> None:
        self._slots = [VirtualSlot() for _ in range(count)]
        self._saved = saved

    def begin(self, ticket: str, session: str, now: float, number: int | None = None) -> tuple[int, float]:
        """Have slot *number*, or one that is free, serve a request of *session* ("": of none).

        Return the tokens that are there of what was said before, and the seconds that it takes to have them there.
        """
        slot = self._free(session) if number is None else self._slots[number]
        restored = 0.0
        if not session or slot.session != session:
            self._save(slot)
            slot.session, slot.tokens = session, (self._saved or {}).get(session, 0) if session else 0
            restored = slot.tokens / RESTORED_PER_SECOND
        slot.ticket, slot.used = ticket, now
        return slot.tokens, restored

    def end(self, ticket: str, tokens: int, now: float) -> None:
        """Note that a request is answered, after which its slot holds *tokens*."""
        slot = next(each for each in self._slots if each.ticket == ticket)
        slot.ticket, slot.tokens, slot.used = "", tokens, now

    def close(self) -> None:
        """Save what the slots hold: the engine is stopped."""
        for slot in self._slots:
            self._save(slot)

    def _free(self, session: str) -> VirtualSlot:
        free = [slot for slot in self._slots if not slot.ticket]
        own = [slot for slot in free if session and slot.session == session]
        return own[0] if own else min(free, key=lambda each: each.used)

    def _save(self, slot: VirtualSlot) -> None:
        if self._saved is not None and slot.session:
            self._saved[slot.session] = slot.tokens
