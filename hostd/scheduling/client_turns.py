"""The requests of one class in the turns of their clients; within each client's turns, those come first that can be in time.

A turn belongs to a client and not to a request: a client with ten requests has ten turns, it is served its first one, and gives up
its last one. So it makes no difference to other clients which of its requests it is served.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from hostd.domain.ticket import Ticket
from hostd.scheduling.ordered_items import Key, OrderedItems
from hostd.scheduling.request_state import RequestState

_IN_TIME, _LATE = 0.0, 1.0
_REMEMBERED = 64
_LOOKED_AT = 16
"""Clients, and requests of each, among which one is preferred."""

Prefers = Callable[[RequestState], bool]


@dataclass(slots=True)
class _Client:
    """The *turns* that a client has, as many as *requests*; *last* is the tag of the last one that it has had or has."""

    last: float = -1.0
    turns: deque[Key] = field(default_factory=deque)
    requests: OrderedItems[str, RequestState] = field(default_factory=OrderedItems)


class ClientTurns:
    """Requests in order; adding, removing, the head and a place take O(log n)."""

    def __init__(self) -> None:
        self._again = OrderedItems[str, RequestState]()
        self._turns = OrderedItems[Key, _Client]()
        self._clients: dict[str, _Client] = {}
        self._joined = 0
        self._virtual = 0.0

    def __len__(self) -> int:
        return len(self._again) + len(self._turns)

    def __iter__(self) -> Iterator[RequestState]:
        """Yield the requests in order; they must not change meanwhile."""
        yield from self._again
        orders = {id(client): iter(client.requests) for client in self._clients.values()}
        for client in self._turns:
            yield next(orders[id(client)])

    def first(self, prefers: Prefers | None = None) -> RequestState | None:
        """Return the request that is served next, None where there is none; of those whose turn it is alike, one it *prefers*."""
        if self._again:
            return self._again.first()
        client = self._turns.first()
        if client is None:
            return None
        if prefers is not None:
            for other in islice(self._turns, _LOOKED_AT):
                if other.turns[0][0] > client.turns[0][0]:
                    break
                preferred = next(filter(prefers, islice(other.requests, _LOOKED_AT)), None)
                if preferred is not None:
                    return preferred
        return client.requests.first()

    def position(self, request: RequestState) -> int:
        """Return the place of *request*, counting from 1."""
        ticket_id = request.ticket.id
        if ticket_id in self._again:
            return self._again.position(ticket_id)
        client = self._clients[_name(request.ticket)]
        turn = client.turns[client.requests.position(ticket_id) - 1]
        return len(self._again) + self._turns.position(turn)

    def push(self, request: RequestState, *, first: bool) -> None:
        """Give the client of *request* one turn more; with *first*, put the request before all turns."""
        self._joined += 1
        if first:
            self._again.add((0.0, -self._joined), request.ticket.id, request)
            return
        client = self._client(_name(request.ticket))
        client.last = max(self._virtual, client.last + 1)
        turn = (client.last, self._joined)
        client.turns.append(turn)
        client.requests.add((_IN_TIME, self._joined), request.ticket.id, request)
        self._turns.add(turn, turn, client)

    def late(self, request: RequestState) -> None:
        """Put *request* behind those of its client that can still be in time; one that is tried again keeps its place."""
        if request.ticket.id not in self._again:
            requests = self._clients[_name(request.ticket)].requests
            if (removed := requests.remove(request.ticket.id)) is not None:
                requests.add((_LATE, removed[0][1]), request.ticket.id, request)

    def remove(self, request: RequestState, *, served: bool) -> None:
        """Take *request* out, with the first turn of its client where it is *served*."""
        if self._again.remove(request.ticket.id) is not None:
            return
        client = self._clients[_name(request.ticket)]
        client.requests.remove(request.ticket.id)
        turn = client.turns.popleft() if served else client.turns.pop()
        self._turns.remove(turn)
        if served:
            self._virtual = max(self._virtual, turn[0])
        else:
            # Who gives up has had nothing: the next one takes the turn.
            client.last = turn[0] - 1

    def _client(self, name: str) -> _Client:
        found = self._clients.get(name)
        if found is None:
            if len(self._clients) >= 2 * len(self._turns) + _REMEMBERED:
                # Those whose next tag would be the virtual time in any case.
                kept = {key: each for key, each in self._clients.items() if each.turns or each.last >= self._virtual}
                self._clients = kept
            found = self._clients[name] = _Client()
        return found


def _name(ticket: Ticket) -> str:
    return ticket.client or ticket.session or ""
