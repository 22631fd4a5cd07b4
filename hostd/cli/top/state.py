"""What the daemon has told so far, and how the owner wants to see it."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from hostd.cli.event_stream import DaemonEvent

Row = Mapping[str, Any]

_KEPT = 200
"""Decisions and past requests that are kept."""
STATES = frozenset({"status", "models", "memory", "requests"})
"""Events that hold a state whole; together they are all that there is to show."""


class ScreenPart(Enum):
    """A part of the screen that may be scrolled."""

    MODELS = "models"
    REQUESTS = "requests"
    DECISIONS = "decisions"


class Sort(Enum):
    """What models are sorted by; all but names with the most first."""

    NAME = "name"
    STATE = "state"
    QUEUE = "queue"
    SPEED = "speed"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class View:
    """How the owner wants to see it: *words* must be in what is shown, *typing* says that they are being typed.

    *focus* is the section that gets the most room, and is scrolled *down* by so many rows.
    """

    sort: Sort = Sort.NAME
    backwards: bool = False
    words: str = ""
    typing: bool = False
    focus: ScreenPart = ScreenPart.MODELS
    down: int = 0

    def pressed(self, key: str) -> "View | None":
        """Return the view after a key: a letter, or its name; None where the owner wants to leave."""
        if self.typing:
            return self._typed(key)
        match key:
            case "q" | "Q" | "ctrl-c":
                return None
            case "s":
                sorts = list(Sort)
                return replace(self, sort=sorts[(sorts.index(self.sort) + 1) % len(sorts)], backwards=False)
            case "r":
                return replace(self, backwards=not self.backwards)
            case "/":
                return replace(self, typing=True)
            case "escape":
                return replace(self, words="", down=0)
            case "tab":
                sections = list(ScreenPart)
                return replace(self, focus=sections[(sections.index(self.focus) + 1) % len(sections)], down=0)
            case "down" | "j":
                return replace(self, down=self.down + 1)
            case "up" | "k":
                return replace(self, down=max(0, self.down - 1))
            case "page-down":
                return replace(self, down=self.down + 10)
            case "page-up":
                return replace(self, down=max(0, self.down - 10))
            case _:
                return self

    def _typed(self, key: str) -> "View | None":
        match key:
            case "ctrl-c":
                return None
            case "enter":
                return replace(self, typing=False)
            case "escape":
                return replace(self, typing=False, words="", down=0)
            case "backspace":
                return replace(self, words=self.words[:-1], down=0)
            case _ if len(key) == 1 and key.isprintable():
                return replace(self, words=self.words + key, down=0)
            case _:
                return self

    def shows(self, *texts: object) -> bool:
        """Return whether one of *texts* holds the words."""
        return not self.words or any(self.words.lower() in str(text or "").lower() for text in texts)

    def sorted(self, models: Iterable[Row]) -> list[Row]:
        """Return *models* in order; those that are alike by their names."""
        named = sorted(models, key=lambda row: str(row["model"]))
        match self.sort:
            case Sort.NAME:
                found = named
            case Sort.STATE:
                found = sorted(named, key=lambda row: _ORDER.get(row["state"], len(_ORDER)))
            case Sort.QUEUE:
                found = sorted(named, key=lambda row: (-row["queued"], -row["in_flight"]))
            case Sort.SPEED:
                found = sorted(named, key=lambda row: -(row["speed"]["decode_tokens_per_s"] or 0.0))
            case Sort.MEMORY:
                found = sorted(named, key=lambda row: -sum((row["pool_bytes"] or {}).values()))
        return found[::-1] if self.backwards else found


_ORDER = {
    state: place
    for place, state in enumerate(("failed", "loading", "ready", "draining", "stopping", "sleeping", "cold"))
}


@dataclass(slots=True)
class DaemonState:
    """The newest of each event. *address* is where the daemon is; *trouble* says why nothing comes from it, empty while it does."""

    address: str = ""
    trouble: str = ""
    version: str = ""
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    decisions: deque[Row] = field(default_factory=lambda: deque(maxlen=_KEPT))
    past: deque[Row] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _ahead: timedelta = field(default_factory=timedelta)

    @property
    def complete(self) -> bool:
        """Whether all states have come."""
        return self.data.keys() >= STATES

    def take(self, event: DaemonEvent, now: datetime) -> None:
        """Take in an event that came *now*, on this machine's clock."""
        match event.name:
            case "hello":
                self.trouble, self.version = "", event.data["version"]
                self._ahead = datetime.fromisoformat(event.data["now"]) - now
                if not event.data["resumed"]:
                    self.decisions.clear()
                    self.past.clear()
            case "decisions":
                self.decisions.extend(event.data["decisions"])
            case "past":
                self.past.extend(event.data["past"])
            case name:
                self.data[name] = event.data

    def at(self, now: datetime) -> datetime:
        """Return what the daemon's clock shows when this machine's shows *now*."""
        return now + self._ahead

    def listed(self, name: str, member: str) -> list[Row]:
        """Return the rows of a state, none before it has come."""
        return list(self.data[name][member]) if name in self.data else []


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)
