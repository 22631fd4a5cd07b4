"""The loads of the boot: one after another, the most valuable first, until each is ready or is known not to be."""

from collections import deque
from collections.abc import Callable, Iterable

from hostd.domain.lifecycle import State
from hostd.scheduling.model_state import ModelState


class PreloadQueue:
    """Requests the loads of the boot by *request*, each when the one before is over."""

    def __init__(self, request: Callable[[ModelState, str], None]) -> None:
        self._request = request
        self._waiting: deque[ModelState] = deque()
        self._current: ModelState | None = None
        self.begun = False

    @property
    def over(self) -> bool:
        """Whether the boot's loads have all come to an end, good or bad."""
        return self.begun and not self._waiting and self._current is None

    def __contains__(self, model: ModelState) -> bool:
        return any(model is other for other in self._waiting)

    def begin(self, models: Iterable[ModelState]) -> None:
        """Load *models* in this order."""
        self._waiting = deque(models)
        self._next()

    def settled(self, model: ModelState) -> None:
        """Note that a model is ready, has failed, or is not to be loaded any more."""
        if self._current is model:
            self._current = None
            self._next()

    def give_up(self) -> None:
        """Load nothing more."""
        self._waiting.clear()
        self._current = None

    def _next(self) -> None:
        while self._waiting and self._current is None:
            model = self._waiting.popleft()
            if model.removed:
                continue
            if model.state is State.COLD or model.pending_load is not None:
                self._request(model, "preload")
            # It may be over already: ready before the boot, or refused at once.
            if model.state is State.LOADING or model.pending_load is not None:
                self._current = model
