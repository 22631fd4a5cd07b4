"""Deadlines in one heap: the desk sets them by name, and later looks only at those that have passed."""

import heapq
from collections.abc import Iterator

Name = tuple[str, str]


class Deadlines:
    """At most one deadline per name; setting it again moves it, and a cancelled one never rings."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, Name]] = []
        self._at: dict[Name, float] = {}

    def set(self, name: Name, at: float) -> None:
        """Ring *name* at *at*, and no more at the time it was set to before."""
        if self._at.get(name) != at:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))

    def cancel(self, name: Name) -> None:
        """Forget *name*, if it was set."""
        self._at.pop(name, None)

    def __contains__(self, name: Name) -> bool:
        return name in self._at

    def next(self) -> float | None:
        """Return when the earliest deadline is due, or None when nothing is set."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Name]:
        """Yield, earliest first, the names whose deadline has passed, each once."""
        while (at := self.next()) is not None and at <= now:
            _, name = heapq.heappop(self._heap)
            del self._at[name]
            yield name
