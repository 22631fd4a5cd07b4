"""Turns of clients: which of a client's requests is served first makes no difference to another client."""

from hypothesis import given
from hypothesis import strategies as st

from hostd.scheduling.client_turns import ClientTurns
from hostd.scheduling.request_state import RequestState
from tests.scheduling.test_queue import waiting

CLIENTS = st.sampled_from(["", "ann", "bob"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), CLIENTS, st.booleans()),
        st.tuples(st.sampled_from(["late", "gone"]), st.integers(0, 1 << 16)),
        st.just(("serve",)),
    ),
    max_size=100,
)


def ids(turns: ClientTurns) -> list[str]:
    """Return the ids of the requests in order."""
    return [request.ticket.id for request in turns]


class PlainTurns:
    """The same order by lists: turns as (tag, number, client), and of each client the requests in time before the late ones."""

    def __init__(self) -> None:
        self.again: list[RequestState] = []
        self.turns: list[tuple[float, int, str]] = []
        self.in_time: dict[str, list[RequestState]] = {"": [], "ann": [], "bob": []}
        self.late: dict[str, list[RequestState]] = {"": [], "ann": [], "bob": []}
        self.last = {"": -1.0, "ann": -1.0, "bob": -1.0}
        self.virtual = 0.0

    def order(self) -> list[RequestState]:
        """Return the requests in order."""
        left = {client: [*self.in_time[client], *self.late[client]] for client in self.last}
        return [*self.again, *(left[client].pop(0) for _, _, client in sorted(self.turns))]

    def push(self, request: RequestState, number: int, *, first: bool) -> None:
        """Add a request."""
        if first:
            self.again.insert(0, request)
            return
        client = request.ticket.client or ""
        self.last[client] = max(self.virtual, self.last[client] + 1)
        self.turns.append((self.last[client], number, client))
        self.in_time[client].append(request)

    def move(self, request: RequestState) -> None:
        """Put a late request last."""
        client = request.ticket.client or ""
        if request in self.in_time[client]:
            self.in_time[client].remove(request)
            self.late[client].append(request)
            self.late[client].sort(key=lambda each: int(each.ticket.id))

    def remove(self, request: RequestState, *, served: bool) -> None:
        """Take a request out."""
        if request in self.again:
            self.again.remove(request)
            return
        client = request.ticket.client or ""
        of = self.in_time if request in self.in_time[client] else self.late
        of[client].remove(request)
        mine = sorted(each for each in self.turns if each[2] == client)
        turn = mine[0] if served else mine[-1]
        self.turns.remove(turn)
        if served:
            self.virtual = max(self.virtual, turn[0])
        else:
            self.last[client] = turn[0] - 1


@given(STEPS)
def test_turns_do_what_plain_lists_do(steps: list[tuple[object, ...]]) -> None:
    """Whatever joins, is late and leaves, and whichever request is served: the order and every place are the same."""
    turns, plain = ClientTurns(), PlainTurns()
    for number, step in enumerate(steps, 1):
        order = plain.order()
        match step:
            case ("push", str() as client, bool() as first):
                request = waiting(str(number), client=client)
                turns.push(request, first=first)
                plain.push(request, number, first=first)
            case ("late", int() as pick) if order:
                turns.late(order[pick % len(order)])
                plain.move(order[pick % len(order)])
            case ("gone", int() as pick) if order:
                turns.remove(order[pick % len(order)], served=False)
                plain.remove(order[pick % len(order)], served=False)
            case ("serve",) if order:
                turns.remove(order[0], served=True)
                plain.remove(order[0], served=True)
            case _:
                assert len(order) == len(turns)
        order = plain.order()
        assert order == list(turns)
        assert (order[0] if order else None) is turns.first()
        assert list(range(1, len(order) + 1)) == [turns.position(request) for request in order]


def test_a_late_request_gives_way_to_its_own_client_s_alone() -> None:
    """Another client's turns stay what they were."""
    turns, late = ClientTurns(), waiting("a1", client="ann")
    turns.push(late, first=False)
    for ticket_id, client in (("b1", "bob"), ("b2", "bob"), ("a2", "ann"), ("a3", "ann")):
        turns.push(waiting(ticket_id, client=client), first=False)
    assert ["a1", "b1", "b2", "a2", "a3"] == ids(turns)
    turns.late(late)
    assert ["a2", "b1", "b2", "a3", "a1"] == ids(turns)


def test_one_that_is_tried_again_keeps_its_place() -> None:
    """It has waited elsewhere, and its client has seen a crash."""
    turns, again = ClientTurns(), waiting("again")
    turns.push(waiting("a"), first=False)
    turns.push(again, first=True)
    turns.late(again)
    assert ["again", "a"] == ids(turns)


def test_who_gives_up_gives_up_the_last_turn() -> None:
    """The client's other requests move up."""
    turns, first = ClientTurns(), waiting("a1", client="ann")
    turns.push(first, first=False)
    for ticket_id, client in (("b1", "bob"), ("a2", "ann"), ("b2", "bob")):
        turns.push(waiting(ticket_id, client=client), first=False)
    turns.remove(first, served=False)
    assert ["a2", "b1", "b2"] == ids(turns)
