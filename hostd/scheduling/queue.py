"""The queue of one model: which waiting request is served next, and what place each of them has.

Theory of operation. Interactive requests come before batch ones. Within a class, clients have their turns: the queue is fair as
start-time fair queueing is (Goyal, Vin and Cheng, 1996), with one request as the unit of cost. A request's tag is one more than
that of its client's last one, but not less than the tag that was served last (the virtual time); the least tag is served next, and
of equal tags the one that came first. So a client with fifty requests delays another one's only request by one, and a client that
comes back has saved nothing up. Requests of clients without a name are one client's.

Either order can keep a request waiting for ever. So a request *ages* (`RequestState.ages_at`): one service in `AGED_SHARE` goes to
the oldest of those that have, whatever its class or its client. Under overload, when all are old, most services keep to the order.
"""

from collections import OrderedDict
from collections.abc import Iterator

from hostd.domain.ticket import Priority, Ticket
from hostd.scheduling.ordered_requests import OrderedRequests
from hostd.scheduling.request_state import RequestState

AGED_SHARE = 4
"""One service in so many goes to the oldest request that has aged, if there is one."""
_FRONT = -1.0
"""The tag of a request that is tried again."""
_REMEMBERED = 64


class RequestQueue:
    """Waiting requests in the order in which they are served; adding, removing, the head and a place take O(log n)."""

    def __init__(self) -> None:
        self._classes = {priority: _FairOrder() for priority in Priority}
        self._by_age: OrderedDict[str, RequestState] = OrderedDict()
        self._since = 0.0
        self._in_order = 0

    def __len__(self) -> int:
        return len(self._by_age)

    def __contains__(self, ticket_id: str) -> bool:
        return ticket_id in self._by_age

    def __iter__(self) -> Iterator[RequestState]:
        """Yield the requests in order, as if none had aged; the queue must not change meanwhile."""
        for requests in self._classes.values():
            yield from requests

    def push(self, request: RequestState, *, first: bool = False) -> None:
        """Add a request behind those of its class and client; with *first* in front of its class, as one that is tried again."""
        self._classes[request.ticket.priority].push(request, first=first)
        # In the order of `since`, which is the time of the push: whoever is tried again has waited elsewhere.
        self._by_age[request.ticket.id] = request
        # The sum makes the time that all have waited together cost one multiplication (`waited`).
        self._since += request.since

    def remove(self, ticket_id: str) -> RequestState | None:
        """Take a request out that is not served; None where it does not wait here."""
        return self._remove(ticket_id, served=False)

    def serve(self, request: RequestState, now: float) -> None:
        """Take *request* out, which `next` has returned: it is served now."""
        aged = request.ages_at <= now and self._in_order >= AGED_SHARE - 1
        self._in_order = 0 if aged else self._in_order + 1
        self._remove(request.ticket.id, served=True)

    def _remove(self, ticket_id: str, *, served: bool) -> RequestState | None:
        request = self._by_age.pop(ticket_id, None)
        if request is None:
            return None
        # An empty queue starts from nought again, so that rounding errors cannot add up over months.
        self._since = self._since - request.since if self._by_age else 0.0
        self._classes[request.ticket.priority].remove(ticket_id, served=served)
        return request

    def get(self, ticket_id: str) -> RequestState | None:
        """Return a waiting request, or None where it does not wait here."""
        return self._by_age.get(ticket_id)

    def oldest(self) -> RequestState | None:
        """Return the request that has waited longest, or None where none waits."""
        return next(iter(self._by_age.values()), None)

    def next(self, now: float) -> RequestState | None:
        """Return the request that is served next, without removing it."""
        oldest = self.oldest()
        if oldest is None:
            return None
        if self._in_order >= AGED_SHARE - 1 and oldest.ages_at <= now:
            return oldest
        return next((first for each in self._classes.values() if (first := each.first()) is not None), None)

    def position(self, ticket_id: str) -> int:
        """Return the place of a waiting request, counting from 1, as if none had aged."""
        ahead = 0
        for requests in self._classes.values():
            if ticket_id in requests:
                return ahead + requests.position(ticket_id)
            ahead += len(requests)
        raise KeyError(ticket_id)

    def waited(self, now: float) -> float:
        """Return the seconds that all of them together have waited here."""
        return len(self._by_age) * now - self._since


class _FairOrder:
    """The requests of one class, in the turns of their clients."""

    def __init__(self) -> None:
        self._requests = OrderedRequests()
        self._joined = 0
        self._virtual = 0.0
        self._last: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, ticket_id: str) -> bool:
        return ticket_id in self._requests

    def __iter__(self) -> Iterator[RequestState]:
        return iter(self._requests)

    def first(self) -> RequestState | None:
        return self._requests.first()

    def position(self, ticket_id: str) -> int:
        return self._requests.position(ticket_id)

    def push(self, request: RequestState, *, first: bool) -> None:
        self._joined += 1
        if first:
            self._requests.add((_FRONT, -self._joined), request)
            return
        client = _client(request.ticket)
        tag = max(self._virtual, self._last.get(client, _FRONT) + 1)
        if client not in self._last and len(self._last) >= 2 * len(self._requests) + _REMEMBERED:
            # Those whose next tag would be the virtual time in any case.
            self._last = {name: last for name, last in self._last.items() if last >= self._virtual}
        self._last[client] = tag
        self._requests.add((tag, self._joined), request)

    def remove(self, ticket_id: str, *, served: bool) -> None:
        removed = self._requests.remove(ticket_id)
        if removed is None:
            return
        (tag, _), request = removed
        if served:
            self._virtual = max(self._virtual, tag)
        elif self._last.get(client := _client(request.ticket)) == tag:
            # Who gives up has had nothing: the next one takes the turn.
            self._last[client] = tag - 1


def _client(ticket: Ticket) -> str:
    return ticket.client or ticket.session or ""
