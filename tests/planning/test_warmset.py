"""Which models are warm together."""

from itertools import combinations
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.host import Reserve
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.hardware.simulated import preset
from hostd.planning.levers import Served
from hostd.planning.placing import empty_rooms
from hostd.planning.serving import MIB, Serving
from hostd.planning.warmset import MOST_STEPS, WarmSet, Wish, choose
from hostd.planning.ways import llamacpp_way
from tests.planning.machines import GIB, machine, way

CARD = machine(24)


def chosen(*wishes: Wish, cards: tuple[int, ...] = (24,)) -> WarmSet:
    """Return the set for a machine with these cards."""
    host = machine(*cards)
    return choose(wishes, host, empty_rooms(host))


def test_the_most_important_come_first() -> None:
    """One important model is worth more than any number of others."""
    found = chosen(Wish("a", [way(10)], 50), Wish("b", [way(10)], 50), Wish("c", [way(20)], 60))
    assert ({"c"}, True) == (set(found.options), found.proved)


def test_first_fit_is_mended() -> None:
    """First fit would put 6 and 9 together and leave one out; all four fit when packed otherwise."""
    found = chosen(*(Wish(str(size), [way(size)]) for size in (6, 9, 18, 15)), cards=(24, 24))
    assert ({"6", "9", "18", "15"}, True) == (set(found.options), found.proved)


def test_worse_ways_are_taken_so_that_more_fit() -> None:
    """A smaller quantisation of one makes room for another; without need, the best is taken."""
    one, two = Wish("a", [way(20), way(12)]), Wish("b", [way(12)])
    assert "llamacpp:12" == chosen(one, two).options["a"].way.label
    assert "llamacpp:20" == chosen(one).options["a"].way.label


def test_room_that_is_left() -> None:
    """Rooms less what the set needs."""
    found = chosen(Wish("a", [way(20)]))
    assert 4 * GIB == found.room_left(empty_rooms(CARD))["cuda:0"]


def test_only_what_is_too_large_for_the_cards_is_split_with_the_host() -> None:
    """A model that would fit on an empty card is not warmed on the CPU."""
    found = chosen(Wish("a", [way(20, layers=20)], 60), Wish("b", [way(20, layers=20)]))
    assert {"a"} == set(found.options)
    assert 24 == chosen(Wish("c", [way(30, layers=30)])).options["c"].gpu_layers


@given(st.lists(st.integers(1, 24), max_size=7))
def test_as_many_as_possible(sizes: list[int]) -> None:
    """On one card no larger set of equally important models fits, and a pool is never over-committed."""
    found = chosen(*(Wish(str(at), [way(size)]) for at, size in enumerate(sizes)))
    best = max(count for count in range(len(sizes) + 1) if any(sum(s) <= 24 for s in combinations(sizes, count)))
    assert (best, True) == (len(found.options), found.proved)
    assert all(left >= 0 for left in found.room_left(empty_rooms(CARD)).values())


def test_a_large_question_ends_without_proof() -> None:
    """What cannot be searched through gets the best found; the first path is always walked to its end."""
    found = chosen(*(Wish(str(at), [way(7 + at % 5), way(6), way(5)], at % 3) for at in range(24)), cards=(24,) * 4)
    assert not found.proved
    assert len(found.options) >= 8
    assert MOST_STEPS > 24


@pytest.mark.parametrize("name", ["rtx4090", "2xrtx3090"])
def test_twenty_profiles_are_planned_in_a_moment(name: str) -> None:
    """Twenty profiles of three variants, footprints included; the time is printed, and far from what a person would notice."""
    host = preset(name, Reserve())
    blocks = [
        Layer(LayerKind.FULL, heads=32, kv_heads=8, key_width=128, value_width=128, dense_bytes=size * MIB)
        for size in (400, 300, 150)
    ]
    tables = Tables(token_embedding=300 * MIB, output=400 * MIB)
    shapes = [
        Shape("llama", "m", (block,) * 32, heads=32, embedding=4096, vocabulary=128256, context=131072, tables=tables)
        for block in blocks
    ]
    started = perf_counter()
    wishes = [
        Wish(
            f"{at}",
            [llamacpp_way(shape.name, "llamacpp", Served(shape, Serving(context=8192 + 256 * at))) for shape in shapes],
            50 - at % 4,
        )
        for at in range(20)
    ]
    found = choose(wishes, host, empty_rooms(host))
    took = perf_counter() - started
    print(f"{name}: {took * 1000:.0f} ms")  # noqa: T201 - shown by pytest -rP
    assert found.options
    assert took < 2
