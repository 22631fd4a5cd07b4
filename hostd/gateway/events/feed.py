"""One computation of the state for all who follow it, and each follower's place in what there is to tell.

While a client follows, the state is looked at every `EVERY` seconds, and what differs from the last time becomes an event of whole
bytes, once for all. A follower holds numbers only: which state it was sent last, and up to where it knows the entries. One that
reads slowly is sent the newest state when it has read the last one, so that nothing piles up for it.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import structlog

from hostd.domain.errors import Bug, CapacityError
from hostd.gateway import views
from hostd.gateway.context import AdminServices
from hostd.gateway.events import sections
from hostd.telemetry.database import request_row
from hostd.telemetry.decision_rows import told
from hostd.telemetry.history import RecordedRequest
from hostd.telemetry.recent_events import RecentEvents

EVERY = 0.25
"""Seconds between two looks at the state: a follower gets each of its events four times a second at most."""

MOST_NEW = 50
"""Entries in one event: under thousands of requests a second, who looks at them sees some, and is told how many there were."""

STATES: Mapping[str, Callable[[AdminServices], dict[str, Any]]] = {
    "status": sections.status,
    "models": sections.models,
    "memory": sections.memory,
    "requests": sections.requests,
}
"""Events that hold a part of the state whole."""
DECISIONS, PAST = "decisions", "past"
"""Events that hold new entries."""
NAMES = (*STATES, DECISIONS, PAST)

log = structlog.get_logger()

_PLACE = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})-([0-9]{1,15})", re.ASCII)
_encode = msgspec.json.Encoder(enc_hook=str).encode


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """Return an event of a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    return f"event: {name}\ndata: ".encode() + _encode(data) + b"\n\n"


class Place(NamedTuple):
    """Up to where a client knows the entries of the run of the daemon that is called *epoch*: the numbers of the last ones."""

    epoch: str
    decisions: int
    past: int

    @classmethod
    def newest(cls, recent: RecentEvents) -> "Place":
        """Return the place after which there is nothing."""
        return cls(recent.epoch, recent.decisions.count, recent.requests.count)

    @classmethod
    def to_resume(cls, text: str, recent: RecentEvents) -> "Place | None":
        """Return the place that a client calls *text*, None where it is not of this run, or not all entries since are kept."""
        if (match := _PLACE.fullmatch(text)) is None or match[1] != recent.epoch:
            return None
        place = cls(match[1], int(match[2]), int(match[3]))
        kept = recent.decisions.can_resume(place.decisions) and recent.requests.can_resume(place.past)
        return place if kept else None

    @property
    def line(self) -> bytes:
        """An event without data, which sets the id alone: what was sent before it has come whole."""
        return f"id: {self.epoch}-{self.decisions}-{self.past}\n\n".encode()


class EventFeed:
    """Looks at the state while clients follow it, *most* of them at most. *place* is up to where it has seen entries."""

    def __init__(self, services: AdminServices, most: Callable[[], int]) -> None:
        self._services = services
        self._most = most
        self.place = Place("", 0, 0)
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        self._looked: asyncio.Future[None] | None = None
        self._states: dict[str, tuple[int, bytes]] = {}
        self._entries: dict[tuple[str, int], bytes] = {}

    def __repr__(self) -> str:
        return f"<EventFeed {self._followers} followers>"

    @property
    def recent(self) -> RecentEvents:
        """The entries that there are."""
        return self._services.recent

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Look at the state for one more follower.

        Raises:
            CapacityError: There are too many.
        """
        if self._followers >= self._most():
            raise CapacityError(
                f"{self._followers} clients follow events already; close some of them, or have tabs share a stream",
                code="too_many_followers",
                retry_after=10.0,
            )
        self._followers += 1
        try:
            if self._task is None:
                self._look()
                self._task = asyncio.get_running_loop().create_task(self._run(), name="event feed")
            yield
        finally:
            self._followers -= 1
            if not self._followers and self._task is not None:
                self._task.cancel()
                self._task = None

    async def changed(self) -> None:
        """Wait until the state has been looked at once more.

        Raises:
            Bug: That has failed.
        """
        if self._task is None:
            raise Bug("the state cannot be shown; see the log")
        if self._looked is None:
            self._looked = asyncio.get_running_loop().create_future()
        # A follower that leaves must not end what others wait for, too.
        await asyncio.shield(self._looked)

    def states(self) -> Mapping[str, tuple[int, bytes]]:
        """Return the event of each part of the state, and a number that is another whenever it has changed."""
        return self._states

    def entries(self, name: str, since: int) -> bytes:
        """Return the event of the entries of *name* after that of the number *since* up to `place`, made once for all."""
        made = self._entries.get((name, since))
        if made is None:
            made = self._entries[name, since] = self._entries_since(name, since)
        return made

    def _entries_since(self, name: str, since: int) -> bytes:
        if name == DECISIONS:
            decisions, left_out = self.recent.decisions.since(since, self.place.decisions, MOST_NEW)
            rows = [told(at, decision) for at, decision in decisions]
        else:
            records, left_out = self.recent.requests.since(since, self.place.past, MOST_NEW)
            rows = [views.past_request(RecordedRequest._make(request_row(each))) for each in records]
        return event(name, {name: rows, "left_out": left_out})

    def _look(self) -> None:
        self._entries.clear()
        self.place = Place.newest(self.recent)
        for name, state in STATES.items():
            made = event(name, state(self._services))
            number, before = self._states.get(name, (0, b""))
            if made != before:
                self._states[name] = (number + 1, made)

    async def _run(self) -> None:
        try:
            while True:
                await asyncio.sleep(EVERY)
                self._look()
                self._tell()
        except Exception:
            log.exception("bug")
            # Streams end, and the next follower tries again.
            self._task = None
            self._tell()

    def _tell(self) -> None:
        looked, self._looked = self._looked, None
        if looked is not None:
            looked.set_result(None)


class Follower:
    """What one client was sent of *feed*: the events of *names*, and the entries up to those of the numbers in *place*."""

    def __init__(self, feed: EventFeed, names: Collection[str], place: Place) -> None:
        self._feed = feed
        self._names = names
        self._sent: dict[str, int] = {}
        self._known = {DECISIONS: place.decisions, PAST: place.past}

    def take(self) -> bytes:
        """Return the events that it was not sent yet; empty where there are none."""
        pieces = []
        place = self._feed.place
        for name, count in ((DECISIONS, place.decisions), (PAST, place.past)):
            # Who has just come may know more than was seen.
            if name in self._names and self._known[name] < count:
                pieces.append(self._feed.entries(name, self._known[name]))
                self._known[name] = count
        if pieces:
            pieces.append(place.line)
        for name, (number, made) in self._feed.states().items():
            if name in self._names and self._sent.get(name) != number:
                self._sent[name] = number
                pieces.append(made)
        return b"".join(pieces)
