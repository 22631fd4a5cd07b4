"""A pool's bar is to scale, and its numbers say what the bar shows."""

from hypothesis import given
from hypothesis import strategies as st

from hostd.cli.top.bars import parts_of, pool_line, scaled
from tests.cli.top.told import GIB, held, pool

POOL = pool("cuda:0", 24, [held("a", 6, 2, 0.5, 0.5), held("b", 4, 0, 0, 0)], 3, 1)


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=8), st.integers(0, 200))
def test_parts_fill_a_bar(counts: list[int], size: int) -> None:
    """All of it, each within a place of its share."""
    places = scaled(counts, size)
    total = sum(counts)
    assert sum(places) == (size if total else 0)
    assert all(
        abs(place - count * size / max(1, total)) <= 1 for place, count in zip(places, counts, strict=True) if total
    )


def test_parts_add_up_to_the_pool() -> None:
    """What models hold beside weights and KV cache counts with the weights."""
    sizes = {part.name: part.size / GIB for part in parts_of(POOL)}
    assert {"others": 3.0, "weights": 10.5, "KV": 2.0, "growth": 0.5, "free": 7.0, "reserve": 1.0} == sizes


def test_a_line_has_its_width() -> None:
    """On every terminal; the numbers of the parts are for wide ones."""
    for width in (20, 40, 80, 200):
        assert width == pool_line(POOL, width, plain=False).cell_len
    narrow, wide = (pool_line(POOL, width, plain=True).plain for width in (80, 200))
    assert "7.0 GiB of 24.0 GiB free" in narrow
    assert "others 3.0 GiB, weights 10.5 GiB, KV 2.0 GiB, growth 512 MiB, reserve 1.0 GiB" in wide
    assert narrow.isascii()
    assert "█" in pool_line(POOL, 80, plain=False).plain


def test_a_pool_that_others_have_overrun() -> None:
    """Less than nothing is free."""
    line = pool_line(POOL | {"room_bytes": -GIB}, 80, plain=False)
    assert "0 B of" in line.plain
    assert 80 == line.cell_len
