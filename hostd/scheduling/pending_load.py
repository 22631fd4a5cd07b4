"""A load that has been decided on and waits for its memory."""

from dataclasses import dataclass, field
from enum import IntEnum

from hostd.planning.warm_set.load_option import LoadOption


class LoadPriority(IntEnum):
    """Which pending load is looked at first: a request waits for it, the model should be warm, or it was evicted before."""

    WAITED_FOR = 0
    WANTED = 1
    RETURNING = 2


LOAD_PRIORITY = {
    "request": LoadPriority.WAITED_FOR,
    "asked": LoadPriority.WAITED_FOR,
    "turned_away": LoadPriority.WANTED,
    "routed_past": LoadPriority.WANTED,
    "restart": LoadPriority.WANTED,
    "preload": LoadPriority.WANTED,
    "window": LoadPriority.WANTED,
    "demand": LoadPriority.WANTED,
    "return": LoadPriority.RETURNING,
}
"""The priority of a load, by the reason for it."""


@dataclass(slots=True)
class PendingLoad:
    """One model's claim to memory.

    *why* is what the load is for, *since* when it was asked for (seconds). *checking* is the option whose files and flags are being
    looked at, None when none is; *checked* are the variants that passed. *option* is how the model is to be loaded once its
    *victims* (names) are evicted. *earlier_why* is what the load was for before a request came to wait for it. *reported_at* is
    when the wait that was last explained was to end.
    """

    model: str
    why: str
    since: float
    checking: LoadOption | None = None
    checked: set[int] = field(default_factory=set)
    option: LoadOption | None = None
    victims: tuple[str, ...] = ()
    earlier_why: str | None = None
    reported_at: float | None = None

    @property
    def priority(self) -> LoadPriority:
        """The priority that its reason gives it."""
        return LOAD_PRIORITY[self.why]


@dataclass(frozen=True, slots=True)
class EndedLoad:
    """A pending load that will not begin: there is no memory for it, as *why* says, or no request needs it any more (None)."""

    model: str
    why: str | None = None
