"""What a check is given, and what it answers."""

from collections.abc import Mapping
from typing import NamedTuple

from hostd.dialects.from_chat.answer import ChatAnswer

Asked = Mapping[str, object]
"""A request for a chat completion."""


class Said(NamedTuple):
    """One *answer* as its model gave it; *complete* unless it reached its limit of tokens."""

    answer: ChatAnswer

    @property
    def text(self) -> str:
        """What it says to its reader."""
        return self.answer.piece.text

    @property
    def complete(self) -> bool:
        """Whether it ended by itself."""
        return self.answer.reason != "length"
