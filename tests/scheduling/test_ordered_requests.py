"""Requests in the order of their keys: what a sorted list does, and for many of them."""

from bisect import insort

from hypothesis import given
from hypothesis import strategies as st

from hostd.scheduling.ordered_requests import OrderedRequests
from tests.scheduling.test_queue import waiting

STEPS = st.lists(st.one_of(st.floats(-5, 5, allow_nan=False), st.integers(0, 1 << 16)), max_size=120)


@given(STEPS)
def test_does_what_a_sorted_list_does(steps: list[float | int]) -> None:
    """A float joins with that tag, a number takes one out, wherever it stands."""
    requests, model = OrderedRequests(), list[tuple[float, int, str]]()
    for number, step in enumerate(steps):
        if isinstance(step, float):
            requests.add((step, number), waiting(str(number)))
            insort(model, (step, number, str(number)))
        elif model:
            tag, joined, gone = model.pop(step % len(model))
            removed = requests.remove(gone)
            assert removed is not None
            assert ((tag, joined), gone) == (removed[0], removed[1].ticket.id)
            assert requests.remove(gone) is None
        order = [ticket_id for _, _, ticket_id in model]
        assert order == [each.ticket.id for each in requests]
        assert list(range(1, len(order) + 1)) == [requests.position(ticket_id) for ticket_id in order]
        assert (order[0] if order else None) == (first.ticket.id if (first := requests.first()) else None)
        assert all(ticket_id in requests for ticket_id in order)
        assert len(order) == len(requests)
