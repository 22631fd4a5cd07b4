"""The last decisions of the desk with the numbers that led to them, so that somebody can ask why."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from heapq import merge
from typing import Any

from hostd.scheduling.effects import Effect, Explain
from hostd.telemetry.decision_text import sentence

MOST = 2000
_OTHERS = ("for", "to", "asked")
"""Numbers that name another model that a decision is about."""
_TAKEN = {"at", "decision", "model", "request", "why"}


class DecisionHistory:
    """Keeps the last *most* decisions; *clock* gives seconds since 1970.

    There is one about each request. They are kept apart from the others, as many again, so that a busy hour cannot push out
    why a model went.
    """

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._routes: deque[tuple[float, Explain]] = deque(maxlen=most)
        self._rest: deque[tuple[float, Explain]] = deque(maxlen=most)

    def __repr__(self) -> str:
        return f"<Chronicle of {len(self._rest)} decisions and {len(self._routes)} routes>"

    def observe(self, effect: Effect) -> None:
        """Remember an `Explain`; nothing else is a decision."""
        if isinstance(effect, Explain):
            (self._routes if effect.decision == "route" else self._rest).append((self._clock(), effect))

    def decisions(self, last: int, *, model: str | None = None, request: str | None = None) -> list[dict[str, Any]]:
        """Return the *last* decisions about *model* or *request*, or all, newest last, as plain data.

        That a request went where it was asked to go is told about that request only: it would hide everything else. Each has
        ``at``, ``decision``, ``model``, ``request`` and ``why``, a sentence; beside them stand the decision's own numbers, its
        ``why`` as ``cause``.
        """
        found = [(at, effect) for at, effect in self._all() if _about(effect, model, request)]
        return [_told(at, effect) for at, effect in found[-last:]] if last > 0 else []

    def _all(self) -> Iterator[tuple[float, Explain]]:
        return merge(self._routes, self._rest, key=lambda entry: entry[0])


def _about(effect: Explain, model: str | None, request: str | None) -> bool:
    if request is not None and effect.ticket_id != request:
        # A request that came with an id of its client's has a mark of ours behind it.
        return effect.ticket_id is not None and effect.ticket_id.startswith(f"{request}/")
    if request is None and effect.decision == "route" and not effect.numbers.get("reason"):
        return False
    return model is None or effect.model == model or any(effect.numbers.get(key) == model for key in _OTHERS)


def _told(at: float, effect: Explain) -> dict[str, Any]:
    numbers = {str(key): plain(value) for key, value in effect.numbers.items()}
    if "why" in numbers:
        numbers["cause"] = numbers.pop("why")
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"at": moment, "decision": effect.decision, "model": effect.model, "request": effect.ticket_id}
    told["why"] = sentence(effect.decision, effect.model, numbers)
    return told | {key: value for key, value in numbers.items() if key not in _TAKEN}


def plain(value: object) -> Any:
    """Return *value* as JSON can hold it; a time that never comes is none."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int)) else str(value)
