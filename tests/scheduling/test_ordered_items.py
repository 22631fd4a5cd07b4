"""Items in the order of their keys: what a sorted list does, and for many of them."""

from bisect import insort

from hypothesis import given
from hypothesis import strategies as st

from hostd.scheduling.ordered_items import OrderedItems

STEPS = st.lists(st.one_of(st.floats(-5, 5, allow_nan=False), st.integers(0, 1 << 16)), max_size=120)


@given(STEPS)
def test_does_what_a_sorted_list_does(steps: list[float | int]) -> None:
    """A float joins with that tag, a number takes one out, wherever it stands."""
    items, model = OrderedItems[str, int](), list[tuple[float, int, str]]()
    for number, step in enumerate(steps):
        if isinstance(step, float):
            items.add((step, number), str(number), number)
            insort(model, (step, number, str(number)))
        elif model:
            tag, joined, gone = model.pop(step % len(model))
            assert ((tag, joined), int(gone)) == items.remove(gone)
            assert items.remove(gone) is None
        order = [name for _, _, name in model]
        assert order == [str(each) for each in items]
        assert list(range(1, len(order) + 1)) == [items.position(name) for name in order]
        assert (int(order[0]) if order else None) == items.first()
        assert all(name in items for name in order)
        assert len(order) == len(items)
