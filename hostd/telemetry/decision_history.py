"""The last decisions of the scheduler with the numbers that led to them, for ``hostd why``."""

from collections import deque
from collections.abc import Callable, Iterator
from heapq import merge

from hostd.scheduling.decisions import Charged, Decision, Routed
from hostd.telemetry.decision_rows import Told, other_model, ticket_of, told
from hostd.telemetry.sinks import DecisionRecord, Sink

MOST = 2000
MOST_A_SECOND = 20
"""Decisions about single requests that are written down, too, each second: of thousands of refusals, few say as much as all."""
_Entry = tuple[float, Decision]


class DecisionHistory(Sink):
    """Remembers the last *most* decisions, and has *keep* write them down.

    There is one about each request. They are kept apart from the others, as many again, so that a busy hour cannot push out
    why a model was evicted. That a request was answered by its first choice, and what it used up, is not written down: its record
    says so.
    """

    def __init__(self, most: int = MOST, keep: Callable[[DecisionRecord], None] = lambda _: None) -> None:
        self._routes: deque[_Entry] = deque(maxlen=most)
        self._rest: deque[_Entry] = deque(maxlen=most)
        self._keep = keep
        self._second, self._kept = 0, 0

    def __repr__(self) -> str:
        return f"<DecisionHistory: {len(self._rest)} decisions, {len(self._routes)} routes>"

    def decided(self, decision: Decision, at: float) -> None:
        """Remember *decision*."""
        if isinstance(decision, (Routed, Charged)):
            self._routes.append((at, decision))
            if _usual(decision):
                return
        else:
            self._rest.append((at, decision))
        if ticket_of(decision) is None or self._one_of_few(at):
            self._keep(DecisionRecord(at, decision))

    def decisions(self, last: int, *, model: str | None = None, request: str | None = None) -> list[Told]:
        """Return the *last* decisions about *model* or *request*, or all, newest last; see `told`.

        That a request was answered by its first choice, and what it cost, is told about that request only: it would hide the rest.
        """
        found = [entry for entry in self._all() if _about(entry[1], model, request)]
        return [told(at, decision) for at, decision in found[-last:]] if last > 0 else []

    def _all(self) -> Iterator[_Entry]:
        return merge(self._routes, self._rest, key=lambda entry: entry[0])

    def _one_of_few(self, at: float) -> bool:
        if int(at) != self._second:
            self._second, self._kept = int(at), 0
        self._kept += 1
        return self._kept <= MOST_A_SECOND


def _usual(decision: Decision) -> bool:
    return decision.reason is None if isinstance(decision, Routed) else isinstance(decision, Charged)


def _about(decision: Decision, model: str | None, request: str | None) -> bool:
    ticket_id = ticket_of(decision)
    if request is not None and ticket_id != request:
        # A request that came with an id of its client's has a mark of ours behind it.
        return ticket_id is not None and ticket_id.startswith(f"{request}/")
    if request is None and _usual(decision):
        return False
    return model is None or model in (decision.model, other_model(decision))
