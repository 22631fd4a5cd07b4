"""The queue of one model: which waiting request is served next, and what place each of them has.

Theory of operation. Interactive requests come before batch ones. Within a class, clients have their turns: the queue is fair as
start-time fair queueing is (Goyal, Vin and Cheng, 1996), with one request as the unit of cost. A turn's tag is one more than
that of its client's last one, but not less than the tag that was served last (the virtual time); the least tag is served next, and
of equal tags the one that came first. So a client with fifty requests delays another one's only request by one, and a client that
comes back has saved nothing up. Requests of clients without a name are one client's.

Within a client's turns, requests that can still be served within their queue timeout come first: one that is late already gains
little by being served before them, while each of them would be late as well.

An engine reads less of a conversation that one of its free slots holds. Such a request comes first among those of its client, and
its client first among those whose next turns have the same tag: no turn is moved behind a later one for that.

Any of these orders can keep a request waiting for ever. So a request *ages* (`RequestState.ages_at`): one service in `AGED_SHARE`
goes to the oldest of those that have, whatever its class or its client. Under overload, when all are old, most services keep to the
order.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator

from hostd.domain.ticket import Priority
from hostd.scheduling.client_turns import ClientTurns, Prefers
from hostd.scheduling.request_state import RequestState

AGED_SHARE = 4
"""One service in so many goes to the oldest request that has aged, if there is one."""

MOST_AT_ONCE = 64
"""Late requests that are put last in one step: with thousands that are late at once, it takes some steps until all are."""


class RequestQueue:
    """Waiting requests in the order in which they are served; adding, removing, the head and a place take O(log n).

    *by_age* has them by ticket, the one that has waited longest first. It is for reading: whether it is empty is asked several
    times for each request.
    """

    def __init__(self) -> None:
        self._classes = {priority: ClientTurns() for priority in Priority}
        self.by_age: OrderedDict[str, RequestState] = OrderedDict()
        self._in_time: OrderedDict[str, RequestState] = OrderedDict()
        self._times: list[float] = []
        self._in_order = 0

    def __len__(self) -> int:
        return len(self.by_age)

    def __contains__(self, ticket_id: str) -> bool:
        return ticket_id in self.by_age

    def __iter__(self) -> Iterator[RequestState]:
        """Yield the requests in order, as if none had aged; the queue must not change meanwhile."""
        for requests in self._classes.values():
            yield from requests

    def push(self, request: RequestState, *, first: bool = False) -> None:
        """Add a request behind those of its class and client; with *first* in front of its class, as one that is tried again."""
        self._classes[request.ticket.priority].push(request, first=first)
        # In the order of `since`, which is the time of the push: whoever is tried again has waited elsewhere.
        self.by_age[request.ticket.id] = self._in_time[request.ticket.id] = request
        insort(self._times, request.since)
        self._put_late_ones_last(request.since)

    def remove(self, ticket_id: str) -> RequestState | None:
        """Take a request out that is not served; None where it does not wait here."""
        return self._remove(ticket_id, served=False)

    def serve(self, request: RequestState, now: float) -> None:
        """Take *request* out, which `next` has returned: it is served now."""
        aged = request.ages_at <= now and self._in_order >= AGED_SHARE - 1
        self._in_order = 0 if aged else self._in_order + 1
        self._remove(request.ticket.id, served=True)

    def _remove(self, ticket_id: str, *, served: bool) -> RequestState | None:
        request = self.by_age.pop(ticket_id, None)
        if request is None:
            return None
        self._in_time.pop(ticket_id, None)
        # In C, so that it costs less than a microsecond among ten thousand.
        del self._times[bisect_left(self._times, request.since)]
        self._classes[request.ticket.priority].remove(request, served=served)
        return request

    def get(self, ticket_id: str) -> RequestState | None:
        """Return a waiting request, or None where it does not wait here."""
        return self.by_age.get(ticket_id)

    def oldest(self) -> RequestState | None:
        """Return the request that has waited longest, or None where none waits."""
        return next(iter(self.by_age.values()), None)

    def next(self, now: float, prefers: Prefers | None = None) -> RequestState | None:
        """Return the request that is served next, without removing it; of those whose turn it is alike, one that it *prefers*."""
        oldest = self.oldest()
        if oldest is None:
            return None
        if self._in_order >= AGED_SHARE - 1 and oldest.ages_at <= now:
            return oldest
        self._put_late_ones_last(now)
        return next((first for each in self._classes.values() if (first := each.first(prefers)) is not None), None)

    def position(self, ticket_id: str) -> int:
        """Return the place of a waiting request, counting from 1, as if none had aged."""
        request, ahead = self.by_age[ticket_id], 0
        for priority, requests in self._classes.items():
            if priority is request.ticket.priority:
                break
            ahead += len(requests)
        return ahead + self._classes[request.ticket.priority].position(request)

    def first_after(self, time: float) -> float | None:
        """Return since when the request has waited that joined first after *time*; None where none has."""
        index = bisect_right(self._times, time)
        return self._times[index] if index < len(self._times) else None

    def joined_after(self, time: float) -> int:
        """Return how many of those that wait joined after *time*."""
        return len(self._times) - bisect_right(self._times, time)

    def _put_late_ones_last(self, now: float) -> None:
        for _ in range(MOST_AT_ONCE):
            first = next(iter(self._in_time.values()), None)
            if first is None or first.late_at >= now:
                return
            del self._in_time[first.ticket.id]
            self._classes[first.ticket.priority].late(first)
