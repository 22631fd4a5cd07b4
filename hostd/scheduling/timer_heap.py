"""Deadlines by name, in one heap: the scheduler names them, and later looks only at those that have passed."""

import heapq
from collections.abc import Iterator
from math import inf

Name = tuple[str, str]

_SLACK = 64
"""Entries that may lie in the heap without being valid any more, beside as many again as there are deadlines."""


class Deadlines:
    """At most one deadline per name; setting it again moves it, and a cancelled one never passes.

    A heap cannot move or remove an entry. So a deadline that moves to a later time keeps its entry, which is put back when it
    comes to the top: models and requests move theirs far more often than any of them passes.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, Name]] = []
        self._at: dict[Name, float] = {}
        self._entry: dict[Name, float] = {}

    def set(self, name: Name, at: float) -> None:
        """Set the deadline *name* to *at*, whatever it was set to before."""
        self._at[name] = at
        if name not in self._entry or at < self._entry[name]:
            self._entry[name] = at
            heapq.heappush(self._heap, (at, name))

    def cancel(self, name: Name) -> None:
        """Forget *name*, if it was set."""
        if self._at.pop(name, None) is not None and len(self._heap) > _SLACK + 2 * len(self._at):
            self._entry = dict(self._at)
            self._heap = [(at, kept) for kept, at in self._at.items()]
            heapq.heapify(self._heap)

    def at(self, name: Name) -> float:
        """Return when the deadline *name* passes; infinity where it is not set."""
        return self._at.get(name, inf)

    def __contains__(self, name: Name) -> bool:
        return name in self._at

    def __iter__(self) -> Iterator[Name]:
        return iter(self._at)

    def next(self) -> float | None:
        """Return when the earliest deadline passes, or None when none is set."""
        while self._heap:
            at, name = self._heap[0]
            if self._entry.get(name) != at:  # moved to an earlier time meanwhile
                heapq.heappop(self._heap)
            elif (now_at := self._at.get(name)) is None:
                heapq.heappop(self._heap)
                del self._entry[name]
            elif now_at != at:
                self._entry[name] = now_at
                heapq.heapreplace(self._heap, (now_at, name))
            else:
                return at
        return None

    def due(self, now: float) -> Iterator[Name]:
        """Yield, earliest first, the names whose deadline has passed, each once."""
        while (at := self.next()) is not None and at <= now:
            _, name = heapq.heappop(self._heap)
            del self._at[name], self._entry[name]
            yield name
