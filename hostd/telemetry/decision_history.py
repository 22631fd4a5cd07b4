"""The last decisions of the scheduler with the numbers that led to them, for ``hostd why``."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import merge
from typing import Any

from hostd.scheduling.decisions import (
    Charged,
    Decision,
    Evicted,
    FellBack,
    LoopDetected,
    Refused,
    RequestSuspected,
    Routed,
)
from hostd.telemetry.decision_text import numbers, sentence
from hostd.telemetry.sinks import Sink

MOST = 2000
_Entry = tuple[float, Decision]


class DecisionHistory(Sink):
    """Keeps the last *most* decisions.

    There is one about each request. They are kept apart from the others, as many again, so that a busy hour cannot push out
    why a model was evicted.
    """

    def __init__(self, most: int = MOST) -> None:
        self._routes: deque[_Entry] = deque(maxlen=most)
        self._rest: deque[_Entry] = deque(maxlen=most)

    def __repr__(self) -> str:
        return f"<DecisionHistory: {len(self._rest)} decisions, {len(self._routes)} routes>"

    def decided(self, decision: Decision, at: float) -> None:
        """Remember *decision*."""
        (self._routes if isinstance(decision, (Routed, Charged)) else self._rest).append((at, decision))

    def decisions(self, last: int, *, model: str | None = None, request: str | None = None) -> list[dict[str, Any]]:
        """Return the *last* decisions about *model* or *request*, or all, newest last, as plain data.

        That a request was answered by its first choice, and what it cost, is told about that request only: it would hide the rest.
        Each has
        ``at``, ``decision``, ``model``, ``request`` and ``why``, a sentence; beside them stand the decision's own numbers, its
        reason as ``cause``.
        """
        found = [entry for entry in self._all() if _about(entry[1], model, request)]
        return [told(at, decision) for at, decision in found[-last:]] if last > 0 else []

    def _all(self) -> Iterator[_Entry]:
        return merge(self._routes, self._rest, key=lambda entry: entry[0])


def _about(decision: Decision, model: str | None, request: str | None) -> bool:
    ticket_id = _ticket_id(decision)
    if request is not None and ticket_id != request:
        # A request that came with an id of its client's has a mark of ours behind it.
        return ticket_id is not None and ticket_id.startswith(f"{request}/")
    usual = isinstance(decision, Charged) or (isinstance(decision, Routed) and decision.reason is None)
    if request is None and usual:
        return False
    return model is None or decision.model == model or model in _other_models(decision)


def _ticket_id(decision: Decision) -> str | None:
    about_one = (Routed, FellBack, Refused, RequestSuspected, Charged, LoopDetected)
    return decision.ticket_id if isinstance(decision, about_one) else None


def _other_models(decision: Decision) -> tuple[str, ...]:
    """Return the names by which *decision* concerns other models than its own."""
    match decision:
        case Evicted(for_model=name) | FellBack(to=name) | Routed(asked=name) | Refused(asked=name):
            return (name,)
        case _:
            return ()


def told(at: float, decision: Decision) -> dict[str, Any]:
    """Return *decision*, made *at* so many seconds since 1970, as plain data; see `DecisionHistory.decisions`."""
    found = numbers(decision)
    if "why" in found:
        found["cause"] = found.pop("why")
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    subject = {"at": moment, "decision": decision.event, "model": decision.model, "request": _ticket_id(decision)}
    return subject | {"why": sentence(decision)} | found
