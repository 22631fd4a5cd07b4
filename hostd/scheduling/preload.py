"""The boot's loads: one after another, the most valuable first, until each is ready or is known not to be."""

from collections import deque
from collections.abc import Callable, Iterable

from hostd.domain.lifecycle import State
from hostd.scheduling.model_state import Lane


class Preload:
    """Goes through what should be warm at the boot; *ask* has a lane loaded."""

    def __init__(self, ask: Callable[[Lane, str], None]) -> None:
        self._ask = ask
        self._waiting: deque[Lane] = deque()
        self._current: Lane | None = None
        self.begun = False

    @property
    def over(self) -> bool:
        """Whether the boot's loads have all come to an end, good or bad."""
        return self.begun and not self._waiting and self._current is None

    def __contains__(self, lane: Lane) -> bool:
        return any(lane is other for other in self._waiting)

    def begin(self, lanes: Iterable[Lane]) -> None:
        """Load *lanes* in this order."""
        self._waiting = deque(lanes)
        self._next()

    def settled(self, lane: Lane) -> None:
        """Note that a lane is ready, has failed, or is not to be loaded any more."""
        if self._current is lane:
            self._current = None
            self._next()

    def give_up(self) -> None:
        """Load nothing more."""
        self._waiting.clear()
        self._current = None

    def _next(self) -> None:
        while self._waiting and self._current is None:
            lane = self._waiting.popleft()
            if lane.state is State.COLD or lane.claim is not None:
                self._ask(lane, "preload")
            if lane.state is State.LOADING or lane.claim is not None:
                self._current = lane
