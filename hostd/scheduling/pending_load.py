"""A load that has been decided on and waits for its room."""

from dataclasses import dataclass, field
from enum import IntEnum

from hostd.planning.warm_set.load_option import LoadOption


class LoadPriority(IntEnum):
    """Whose claim is seen to first: somebody waits for an answer, the owner wants the model warm, or it is to come back."""

    WAITED_FOR = 0
    WANTED = 1
    RETURNING = 2


LOAD_PRIORITY = {
    "request": LoadPriority.WAITED_FOR,
    "asked": LoadPriority.WAITED_FOR,
    "restart": LoadPriority.WANTED,
    "preload": LoadPriority.WANTED,
    "window": LoadPriority.WANTED,
    "demand": LoadPriority.WANTED,
    "return": LoadPriority.RETURNING,
}
"""How urgent a load is, by the reason for it."""


@dataclass(slots=True)
class PendingLoad:
    """One model's claim to memory.

    *why* is what the load is for, *since* when it was made. *asked* is the choice whose files and flags are being checked, None
    when nothing is; *checked* are the variants that were found in order. *choice* is how it is to be loaded once its *victims*
    (names) have gone. *first* is what it was made for before somebody came to wait for it. *told* is when the wait that was last
    explained was to end.
    """

    model: str
    why: str
    since: float
    asked: LoadOption | None = None
    checked: set[int] = field(default_factory=set)
    option: LoadOption | None = None
    victims: tuple[str, ...] = ()
    first: str | None = None
    reported_at: float | None = None

    @property
    def priority(self) -> LoadPriority:
        """How soon it is to be seen to."""
        return LOAD_PRIORITY[self.why]
