"""The queue of one model: no request is lost, the order holds, and both cost little however many wait."""

import time

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.ticket import Priority, Route, Target, Ticket
from hostd.scheduling.queue import MOST_AT_ONCE, RequestQueue
from hostd.scheduling.request_state import RequestState

ROUTE = Route("a", (Target("a"),))
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("push"), st.sampled_from(Priority), st.booleans(), st.sampled_from(["", "ann", "bob", "eve"])
        ),
        st.tuples(st.just("remove"), st.integers(0, 1 << 16)),
        st.just(("serve",)),
    ),
    max_size=120,
)


def waiting(
    ticket_id: str, priority: Priority = Priority.INTERACTIVE, since: float = 0.0, client: str | None = None
) -> RequestState:
    """Return a request that may wait; it ages after 15 seconds and is late after 30."""
    ticket, late_at = Ticket(ticket_id, ROUTE, client, priority), since + 30.0
    return RequestState(ticket, since, since + 600.0, since=since, ages_at=since + 15.0, late_at=late_at)


def ids(queue: RequestQueue) -> list[str]:
    """Return the ids of the requests in *queue*, in order."""
    return [request.ticket.id for request in queue]


def served(queue: RequestQueue, now: float = 0.0) -> str:
    """Serve the next request and return its id."""
    request = queue.next(now)
    assert request is not None
    queue.serve(request, now)
    return request.ticket.id


def test_an_empty_queue_has_no_head() -> None:
    """And knows no request."""
    queue = RequestQueue()
    assert (0, [], None, None, None) == (len(queue), ids(queue), queue.next(0.0), queue.get("1"), queue.remove("1"))
    assert "1" not in queue
    assert queue.oldest() is None


def test_requests_of_one_client_are_served_in_the_order_in_which_they_joined() -> None:
    """Interactive ones before batch ones; one that is tried again stands in front of its class."""
    queue = RequestQueue()
    for ticket_id, priority in (("b1", Priority.BATCH), ("i1", Priority.INTERACTIVE), ("b2", Priority.BATCH)):
        queue.push(waiting(ticket_id, priority))
    queue.push(waiting("i2"))
    queue.push(waiting("again"), first=True)
    queue.push(waiting("batch again", Priority.BATCH), first=True)
    assert ["again", "i1", "i2", "batch again", "b1", "b2"] == ids(queue)
    assert [1, 3, 6] == [queue.position(ticket_id) for ticket_id in ("again", "i2", "b2")]


def test_a_client_with_many_requests_delays_another_one_by_one() -> None:
    """Clients have their turns, whoever came first with however many."""
    queue = RequestQueue()
    for number in range(5):
        queue.push(waiting(f"many{number}", client="many"))
    assert "many0" == served(queue)
    queue.push(waiting("few0", client="few"))
    assert 1 == queue.position("few0")
    queue.push(waiting("few1", client="few"))
    assert ["few0", "many1", "few1", "many2", "many3"] == [served(queue) for _ in range(5)]


def test_a_client_that_comes_back_at_once_waits_its_turn() -> None:
    """One request at a time, asked again and again, does not keep those that wait from being served; nor does giving up pay."""
    queue = RequestQueue()
    for number in range(4):
        queue.push(waiting(f"many{number}", client="many"))
    order = []
    for number in range(8):
        queue.push(waiting(f"loop{number}", client="loop"))
        order.append(served(queue))
    assert ["many0", "many1", "many2", "many3"] == [each for each in order if each.startswith("many")]
    for number in range(3):
        queue.push(waiting(f"gone{number}", client="gone"))
        queue.remove(f"gone{number}")
    queue.push(waiting("other", client="other"))
    queue.push(waiting("back", client="gone"))
    assert queue.position("back") == queue.position("other") + 1


def test_one_service_in_four_goes_to_the_oldest_that_has_aged() -> None:
    """Neither a stream of interactive requests nor one of new clients keeps anybody waiting for ever."""
    queue = RequestQueue()
    queue.push(waiting("batch", Priority.BATCH))
    order = []
    for number in range(40):
        queue.push(waiting(f"new{number}", since=float(number), client=f"client{number}"))
        order.append(served(queue, float(number)))
    assert 15 == order.index("batch")
    for number in range(6):
        queue.push(waiting(f"old{number}", Priority.BATCH, since=50.0))
        queue.push(waiting(f"fresh{number}", since=100.0))
    assert ["old0", "old1"] == [each for each in (served(queue, 100.0) for _ in range(9)) if each.startswith("old")]


def test_a_request_that_is_late_gives_way_to_those_of_its_client_that_can_be_in_time() -> None:
    """But for one service in four, which the oldest has; a late one comes before other classes all the same."""
    queue = RequestQueue()
    for number in range(4):
        queue.push(waiting(f"old{number}", since=float(number)))
    for number in range(4):
        queue.push(waiting(f"fresh{number}", since=20.0 + number))
    queue.push(waiting("batch", Priority.BATCH, since=30.0))
    assert "old0" == served(queue, 30.0)
    assert ["fresh0", "fresh1", "old1", "fresh2", "fresh3", "old2", "old3", "batch"] == [
        served(queue, 40.0) for _ in range(8)
    ]


def test_thousands_that_are_late_at_once_are_put_last_in_some_steps() -> None:
    """Each of which takes a bounded time; a request that joins is a step, too."""
    queue = RequestQueue()
    for number in range(3 * MOST_AT_ONCE):
        queue.push(waiting(str(number)))
    queue.push(waiting("fresh", since=40.0))
    assert str(MOST_AT_ONCE) == ids(queue)[0]
    heads = []
    for _ in range(3):
        head = queue.next(50.0)
        assert head is not None
        heads.append(head.ticket.id)
    assert [str(2 * MOST_AT_ONCE), "fresh", "fresh"] == heads


def test_a_queue_tells_since_when_its_requests_wait() -> None:
    """Of those that joined after a time, how many there are and when the first did."""
    queue = RequestQueue()
    for number in range(4):
        queue.push(waiting(str(number), since=10.0 * number))
    assert [4, 3, 1, 0] == [queue.joined_after(at) for at in (-1.0, 5.0, 20.0, 30.0)]
    queue.remove("1")
    assert [0.0, 20.0, 30.0, None] == [queue.first_after(at) for at in (-1.0, 5.0, 20.0, 30.0)]


@given(STEPS)
def test_a_queue_does_what_a_plain_list_does(steps: list[tuple[object, ...]]) -> None:
    """Whatever joins and leaves: nothing is lost, nothing is served twice, and every place is counted right."""
    queue = RequestQueue()
    requests: dict[str, RequestState] = {}
    for number, step in enumerate(steps, 1):
        match step:
            case ("push", Priority() as priority, bool() as first, str() as client):
                request = requests[str(number)] = waiting(str(number), priority, float(number), client)
                queue.push(request, first=first)
            case ("remove", int() as pick) if requests:
                gone = list(requests)[pick % len(requests)]
                assert queue.remove(gone) is requests.pop(gone)
            case ("serve",) if requests:
                head = queue.next(float(number))
                assert head is not None
                assert head.ages_at <= number or head.ticket.id == ids(queue)[0]
                queue.serve(head, float(number))
                del requests[head.ticket.id]
            case _:
                assert len(requests) == len(queue)
        order = ids(queue)
        assert sorted(order) == sorted(requests)
        assert sorted(order, key=lambda each: requests[each].ticket.priority) == order
        assert len(order) == len(queue)
        assert list(range(1, len(order) + 1)) == [queue.position(ticket_id) for ticket_id in order]
        assert all(queue.get(ticket_id) is requests[ticket_id] for ticket_id in order)
        assert queue.oldest() is next(iter(requests.values()), None)
        times = sorted(each.since for each in requests.values())
        assert [len(times) - 1, 0] == [queue.joined_after(at) for at in (times[0], times[-1])] if times else True
        assert (times[0] if times else None) == queue.first_after(0.0)


def seconds_per_request(count: int) -> float:
    """Return how long a request takes that joins, is told its place, and leaves, beside *count* others."""
    queue = RequestQueue()
    for number in range(count):
        queue.push(waiting(str(number), client=f"client{number % 50}"))
    best = float("inf")
    for start in range(0, 900, 300):
        batch = [waiting(f"new{start + number}") for number in range(300)]
        began = time.process_time()
        for request in batch:
            queue.push(request)
            queue.position(request.ticket.id)
            head = queue.next(0.0)
            queue.remove(request.ticket.id)
            assert head is not None
        best = min(best, (time.process_time() - began) / len(batch))
    return best


def test_ten_thousand_that_wait_cost_little_more_than_a_hundred() -> None:
    """The work grows with the logarithm: a hundred times as many cost two to three times as much, not a hundred times."""
    few, many = seconds_per_request(100), seconds_per_request(10_000)
    print(f"join, place, head and leave: {few * 1e6:.1f} us beside 100, {many * 1e6:.1f} us beside 10,000")  # noqa: T201
    assert many < 10 * few


def test_a_conversation_that_a_slot_holds_comes_first() -> None:
    """Among the requests of its client, and its client among those whose turn it is alike; behind no other turn is any moved."""
    queue = RequestQueue()
    for ticket_id, client in (("a1", "ann"), ("a2", "ann"), ("a3", "ann"), ("b1", "bob"), ("e1", "eve")):
        queue.push(waiting(ticket_id, client=client))
    held = {"a3", "e1"}
    order = []
    while (request := queue.next(0.0, lambda each: each.ticket.id in held)) is not None:
        queue.serve(request, 0.0)
        order.append(request.ticket.id)
    assert ["a3", "e1", "b1", "a1", "a2"] == order
    queue.push(waiting("b2", Priority.BATCH))
    queue.push(waiting("a4"))
    last = queue.next(0.0, lambda each: each.ticket.id == "b2")
    assert last is not None
    assert "a4" == last.ticket.id


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob", "eve"]), st.booleans()), min_size=1, max_size=60))
def test_preference_takes_no_turn_from_another_client(joins: list[tuple[str, bool]]) -> None:
    """However many requests are preferred: as long as a client waits, no other has two turns more than it."""
    queue, held = RequestQueue(), set[str]()
    for number, (client, preferred) in enumerate(joins):
        queue.push(waiting(str(number), client=client))
        if preferred:
            held.add(str(number))
    had: dict[str, int] = dict.fromkeys([client for client, _ in joins], 0)
    left = {client: sum(each == client for each, _ in joins) for client in had}
    while (request := queue.next(0.0, lambda each: each.ticket.id in held)) is not None:
        queue.serve(request, 0.0)
        client = str(request.ticket.client)
        had[client] += 1
        left[client] -= 1
        assert all(had[client] - had[other] <= 1 for other in had if left[other])
    assert not any(left.values())


def test_what_no_slot_holds_is_served_in_time() -> None:
    """One service in four goes to the oldest that has aged, however many of its own client are preferred."""
    queue = RequestQueue()
    queue.push(waiting("old", client="ann"))
    for number in range(20):
        queue.push(waiting(f"new{number}", since=1.0, client="ann"))
    order = []
    while "old" not in order:
        request = queue.next(20.0, lambda each: each.ticket.id != "old")
        assert request is not None
        queue.serve(request, 20.0)
        order.append(request.ticket.id)
    assert 4 == len(order)
