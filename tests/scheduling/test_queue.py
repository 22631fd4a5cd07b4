"""The queue of one model: no request is lost, the order holds, and both cost little however many wait."""

import time
from bisect import insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.ticket import Priority, Route, Target, Ticket
from hostd.scheduling.queue import RequestQueue, RequestState

ROUTE = Route("a", (Target("a"),))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from(Priority), st.booleans()),
        st.tuples(st.just("remove"), st.integers(0, 1 << 16)),
        st.just(("next",)),
    ),
    max_size=120,
)


def waiting(ticket_id: str, priority: Priority = Priority.INTERACTIVE, since: float = 0.0) -> RequestState:
    """Return a request that may wait."""
    ticket = Ticket(ticket_id, ROUTE, priority=priority)
    return RequestState(ticket, arrived=since, expires=since + 600.0, since=since)


def ids(queue: RequestQueue) -> list[str]:
    """Return the ids of the requests in *queue*, in order."""
    return [request.ticket.id for request in queue]


def test_an_empty_queue_has_no_head() -> None:
    """And knows no request."""
    queue = RequestQueue()
    assert (0, [], None, None, None) == (len(queue), ids(queue), queue.next(), queue.get("1"), queue.remove("1"))
    assert "1" not in queue


def test_requests_are_served_in_the_order_in_which_they_joined() -> None:
    """Interactive ones before batch ones; one that is tried again stands in front of its class."""
    queue = RequestQueue()
    for ticket_id, priority in (("b1", Priority.BATCH), ("i1", Priority.INTERACTIVE), ("b2", Priority.BATCH)):
        queue.push(waiting(ticket_id, priority))
    queue.push(waiting("i2"))
    queue.push(waiting("again"), first=True)
    queue.push(waiting("batch again", Priority.BATCH), first=True)
    assert ["again", "i1", "i2", "batch again", "b1", "b2"] == ids(queue)
    assert [1, 3, 6] == [queue.position(ticket_id) for ticket_id in ("again", "i2", "b2")]


@given(STEPS)
def test_a_queue_does_what_a_sorted_list_does(steps: list[tuple[object, ...]]) -> None:
    """Whatever joins and leaves: nothing is lost, nothing is told twice, and every place is counted right."""
    queue, model = RequestQueue(), list[tuple[int, int, str]]()
    requests: dict[str, RequestState] = {}
    for number, step in enumerate(steps, 1):
        match step:
            case ("push", Priority() as priority, bool() as first):
                request = requests[str(number)] = waiting(str(number), priority, since=float(number))
                queue.push(request, first=first)
                insort(model, (priority, -number if first else number, str(number)))
            case ("remove", int() as pick) if model:
                gone = model.pop(pick % len(model))
                assert queue.remove(gone[2]) is requests[gone[2]]
            case _ if model:
                head = queue.next()
                assert head is requests[model[0][2]]
            case _:
                assert queue.next() is None
        order = [ticket_id for _, _, ticket_id in model]
        assert order == ids(queue)
        assert len(order) == len(queue)
        assert list(range(1, len(order) + 1)) == [queue.position(ticket_id) for ticket_id in order]
        assert all(queue.get(ticket_id) is requests[ticket_id] for ticket_id in order)
        assert pytest.approx(sum(1000.0 - requests[each].since for each in order)) == queue.waited(1000.0)


def seconds_per_request(count: int) -> float:
    """Return how long a request takes that joins, is told its place, and leaves, beside *count* others."""
    queue = RequestQueue()
    for number in range(count):
        queue.push(waiting(str(number)))
    best = float("inf")
    for start in range(0, 900, 300):
        batch = [waiting(f"new{start + number}") for number in range(300)]
        began = time.process_time()
        for request in batch:
            queue.push(request)
            queue.position(request.ticket.id)
            head = queue.next()
            queue.remove(request.ticket.id)
            assert head is not None
        best = min(best, (time.process_time() - began) / len(batch))
    return best


def test_ten_thousand_that_wait_cost_little_more_than_a_hundred() -> None:
    """The work grows with the logarithm: a hundred times as many cost two to three times as much, not a hundred times."""
    few, many = seconds_per_request(100), seconds_per_request(10_000)
    print(f"join, place, head and leave: {few * 1e6:.1f} us beside 100, {many * 1e6:.1f} us beside 10,000")  # noqa: T201
    assert many < 10 * few
