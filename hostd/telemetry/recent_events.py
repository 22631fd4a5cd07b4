"""The last decisions and the last requests that are over, numbered, so that a client that was away is told what it has missed."""

import secrets
from collections import deque
from itertools import islice
from typing import Generic, TypeVar

from hostd.scheduling.decisions import Charged, Decision
from hostd.telemetry.sinks import RequestRecord, Sink

MOST = 200
"""Entries of each kind that are kept."""

Entry = TypeVar("Entry")


class NumberedEntries(Generic[Entry]):
    """The last *most* entries; *count* is how many there have been, and the number of the newest."""

    def __init__(self, most: int = MOST) -> None:
        self.count = 0
        self._kept: deque[Entry] = deque(maxlen=most)

    def __repr__(self) -> str:
        return f"<NumberedEntries {len(self._kept)} of {self.count}>"

    def append(self, entry: Entry) -> None:
        """Add *entry*; the oldest is dropped where there is no room."""
        self.count += 1
        self._kept.append(entry)

    def since(self, number: int, until: int, most: int = MOST) -> tuple[list[Entry], int]:
        """Return the last *most* entries after number *number* up to *until*, oldest first, and how many others there were."""
        end = len(self._kept) - (self.count - until)
        wanted = max(0, until - number)
        kept = max(0, min(wanted, end, most))
        return list(islice(self._kept, end - kept, end)) if kept else [], wanted - kept

    def can_resume(self, number: int) -> bool:
        """Return whether all entries after that of *number* are kept."""
        return self.count - len(self._kept) <= number <= self.count


class RecentEvents(Sink):
    """Keeps them as they are: they are put into words only for who listens.

    *epoch* is another in each run of the daemon, as numbers begin anew. What a request has cost, and that it went where it was to
    go, is no entry: its record tells both.
    """

    routes = False

    def __init__(self, most: int = MOST) -> None:
        self.epoch = secrets.token_hex(4)
        self.closed = False
        self.decisions: NumberedEntries[tuple[float, Decision]] = NumberedEntries(most)
        self.requests: NumberedEntries[RequestRecord] = NumberedEntries(most)

    def __repr__(self) -> str:
        return f"<RecentEvents {self.decisions.count} decisions, {self.requests.count} requests>"

    def decided(self, decision: Decision, at: float) -> None:
        """Keep *decision*."""
        if not isinstance(decision, Charged):
            self.decisions.append((at, decision))

    def finished(self, record: RequestRecord) -> None:
        """Keep *record*."""
        self.requests.append(record)

    def close(self) -> None:
        """Note that nothing more follows, so that streams of events end."""
        self.closed = True
