"""The best packing, and its proof."""

from collections.abc import Sequence
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.planning.warm_set.knapsack import MOST_STEPS, Packing, pack
from hostd.planning.warm_set.knapsack_bounds import Alternatives, Needs


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Alternatives], Needs]:
    """Draw a few items with a few alternatives, and one to three pools, often equal ones."""
    pools = draw(st.integers(1, 3))
    size = st.integers(0, 12)
    needs = st.tuples(*[size] * pools)
    items: list[Alternatives] = draw(
        st.lists(st.lists(st.tuples(st.integers(1, 40), needs), max_size=4), max_size=5 if pools < 3 else 4)
    )
    if draw(st.booleans()):
        # Each may be had on any pool.
        items = [[(value, need[at:] + need[:at]) for value, need in item for at in range(pools)] for item in items]
    room = draw(st.integers(0, 20))
    free = draw(st.one_of(st.just((room,) * pools), st.tuples(*[st.integers(0, 20)] * pools)))
    return items, free


def used(items: Sequence[Alternatives], picks: Sequence[int | None], pool: int) -> int:
    """Return what picks take of a pool."""
    return sum(item[pick][1][pool] for item, pick in zip(items, picks, strict=True) if pick is not None)


def value(items: Sequence[Alternatives], picks: Sequence[int | None]) -> int:
    """Return what picks are worth."""
    return sum(item[pick][0] for item, pick in zip(items, picks, strict=True) if pick is not None)


def fits(items: Sequence[Alternatives], picks: Sequence[int | None], free: Needs) -> bool:
    """Return whether picks fit together."""
    return all(used(items, picks, pool) <= room for pool, room in enumerate(free))


def full(items: Sequence[Alternatives], found: Packing, free: Needs) -> bool:
    """Return whether nothing that was left out would still fit."""
    return not any(
        fits(items, [*found.picks[:at], number, *found.picks[at + 1 :]], free)
        for at, pick in enumerate(found.picks)
        if pick is None
        for number in range(len(items[at]))
    )


def cards(seed: int, count: int, pools: int) -> tuple[list[Alternatives], Needs]:
    """Return *count* models of three variants for equal cards that they fill twice over, split over two of them if need be."""
    dice = Random(seed)
    parts = [dice.uniform(0.3, 1.7) for _ in range(count)]
    items: list[Alternatives] = []
    for part in parts:
        item = []
        for rank, share in enumerate((1.0, 0.7, 0.45)):
            size = int(part / sum(parts) * 2 * pools * 1_000_000 * share)
            item += [(1000 - rank, tuple(size * (at == card) for at in range(pools))) for card in range(pools)]
            if pools > 1:
                item.append((999 - rank, (size * 54 // 100,) * 2 + (0,) * (pools - 2)))
        items.append(item)
    return items, (1_000_000,) * pools


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(questions())
def test_no_packing_is_better(question: tuple[list[Alternatives], Needs]) -> None:
    """Of all packings that fit, none is worth more than the one found, which fits, and the proof is claimed."""
    items, free = question
    found = pack(items, free)
    every = product(*([None, *range(len(item))] for item in items))
    best = max(value(items, picks) for picks in every if fits(items, picks, free))
    assert (best, True) == (value(items, found.picks), found.proved)
    assert fits(items, found.picks, free)
    assert full(items, found, free)


@settings(deadline=None)
@given(questions())
def test_without_a_budget_something_good_is_found(question: tuple[list[Alternatives], Needs]) -> None:
    """One round alone gives a packing that fits and leaves no room for more."""
    items, free = question
    found = pack(items, free, most_steps=0)
    assert fits(items, found.picks, free)
    assert full(items, found, free)


def test_twenty_models_of_three_variants_on_two_cards_are_proved() -> None:
    """The proof takes a small part of the budget, which is counted in steps, whatever the machine is."""
    steps = [pack(*cards(seed, 20, 2)) for seed in range(10)]
    assert all(each.proved for each in steps)
    assert max(each.steps for each in steps) < MOST_STEPS / 2


def test_a_large_question_ends_without_proof() -> None:
    """The budget ends the search, the best found is packed, and the same question has the same answer."""
    items, free = cards(3, 40, 6)
    found = pack(items, free)
    assert not found.proved
    assert MOST_STEPS <= found.steps < 2 * MOST_STEPS
    assert fits(items, found.picks, free)
    assert full(items, found, free)
    assert found == pack(items, free)


def test_nothing_to_pack() -> None:
    """No item, no pick; and where no pool is tight everything has its best alternative."""
    assert Packing((), proved=True) == pack([], (5,))
    assert Packing((1, None), proved=True) == pack([[(1, (1,)), (2, (2,))], []], (5,))
