"""Which models are warm together."""

import random
from dataclasses import dataclass, replace
from itertools import combinations, product
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.domain.host import Host, Reserve
from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.hardware.simulated import preset
from hostd.planning.footprint.levers import LlamaCppServing
from hostd.planning.footprint.llamacpp_serving import MIB, Placement, Serving
from hostd.planning.footprint.serving_modes import ServingMode, llamacpp_mode
from hostd.planning.warm_set.load_option import LoadOption, less, pool_budgets
from hostd.planning.warm_set.solver import WarmSet, choose_warm_set
from hostd.planning.warm_set.value import ValueScale, WarmCandidate, demerit
from tests.planning.machines import GIB, machine, options, serving_mode, single

CARD = machine(24)


@dataclass(frozen=True)
class Model:
    """A model that should be warm, by the modes of its variants instead of their options."""

    name: str
    modes: list[ServingMode]
    priority: int = 50
    pinned: bool = False
    demand: float = 0.0
    load_seconds: float = 10.0

    def on(self, host: Host) -> WarmCandidate:
        """Return it with the options that *host* has for it."""
        found = options(host, *self.modes)
        return WarmCandidate(self.name, found, self.priority, self.pinned, self.demand, self.load_seconds)


def chosen(*models: Model, cards: tuple[int, ...] = (24,)) -> WarmSet:
    """Return the set for a host with these cards."""
    host = machine(*cards)
    return choose_warm_set([each.on(host) for each in models], pool_budgets(host))


def test_the_most_important_come_first() -> None:
    """One important model is worth more than any number of others."""
    found = chosen(
        Model("a", [serving_mode(10)], 50), Model("b", [serving_mode(10)], 50), Model("c", [serving_mode(20)], 60)
    )
    assert ({"c"}, True) == (set(found.options), found.proved)


def test_first_fit_is_mended() -> None:
    """First fit would put 6 and 9 together and leave one out; all four fit when packed otherwise."""
    found = chosen(*(Model(str(size), [serving_mode(size)]) for size in (6, 9, 18, 15)), cards=(24, 24))
    assert ({"6", "9", "18", "15"}, True) == (set(found.options), found.proved)


def test_worse_ways_are_taken_so_that_more_fit() -> None:
    """A smaller quantisation of one makes room for another; without need, the best is taken."""
    one, two = Model("a", [serving_mode(20), serving_mode(12)]), Model("b", [serving_mode(12)])
    assert "llamacpp:12" == chosen(one, two).options["a"].label
    assert "llamacpp:20" == chosen(one).options["a"].label


def test_only_what_is_too_large_for_the_cards_is_split_with_the_host() -> None:
    """A model that would fit on an empty card is not warmed on the CPU."""
    found = chosen(Model("a", [serving_mode(20, layers=20)], 60), Model("b", [serving_mode(20, layers=20)]))
    assert {"a"} == set(found.options)
    assert 24 == chosen(Model("c", [serving_mode(30, layers=30)])).options["c"].gpu_layers


def test_pinned_models_come_before_everything() -> None:
    """Even before those of higher priority."""
    assert {"a"} == set(
        chosen(Model("a", [serving_mode(20)], 1, pinned=True), Model("b", [serving_mode(20)], 99)).options
    )


def test_what_is_asked_for_more_is_warm() -> None:
    """Among models of one priority the waiting that is saved decides: how many ask, and how long each would wait."""
    often, slow = (
        Model("often", [serving_mode(20)], demand=9),
        Model("slow", [serving_mode(20)], demand=3, load_seconds=60),
    )
    assert {"often"} == set(chosen(Model("idle", [serving_mode(20)]), often).options)
    assert {"slow"} == set(chosen(often, slow).options)


@pytest.mark.parametrize(
    ("sizes", "cards", "spread"),
    [
        ((20,), (24, 24), [1]),
        ((40,), (24, 24), [2]),
        ((6, 28), (24, 24), [1, 2]),
        ((20, 28), (24, 24), [2, 2]),
        ((40, 40), (24, 24, 24, 24), [2, 2]),
        ((90, 20), (24, 24, 24, 24, 24), [4, 1]),
    ],
)
def test_models_are_split_over_cards_where_that_gains_something(
    sizes: tuple[int, ...], cards: tuple[int, ...], spread: list[int]
) -> None:
    """On one card as long as all can be warm so; over more where one has no room, on any of the cards."""
    found = chosen(*(Model(str(at), [serving_mode(size)]) for at, size in enumerate(sizes)), cards=cards)
    assert spread == [len(option.placement.devices) for _, option in sorted(found.options.items())]


@pytest.mark.parametrize(
    ("wish", "why", "short"),
    [
        (Model("m", []), "no engine can serve m on this machine", {}),
        (
            Model("m", [serving_mode(40), serving_mode(30)]),
            (
                "m is larger than the memory there is for models: at its nearest (llamacpp:30 on cuda:0) it takes 30.0 GiB of "
                "cuda:0, which is 6.0 GiB of cuda:0 too much"
            ),
            {"cuda:0": 26 * GIB},
        ),
        (
            Model("m", [serving_mode(20), serving_mode(6)], 40),
            (
                "m (priority 40) would fit alone, but as llamacpp:6 on cuda:0 it lacks 2.0 GiB of cuda:0 beside a (priority 50; "
                "20.0 GiB)"
            ),
            {"cuda:0": 2 * GIB},
        ),
    ],
)
def test_every_wish_that_is_left_out_is_told_why(wish: Model, why: str, short: dict[str, int]) -> None:
    """No engine, too large for the host, or too large beside the others: each with its numbers."""
    (found,) = chosen(Model("a", [serving_mode(20)]), wish).left_out
    assert (wish.name, why, short) == (found.name, found.why, dict(found.short))


def test_an_engine_of_one_card_is_not_split() -> None:
    """The reason why an engine refuses several cards does not keep it from one."""
    wish = Model("m", [replace(serving_mode(30), why_not=single)])
    (found,) = chosen(wish, cards=(24, 24)).left_out
    assert {"cuda:0": 6 * GIB} == found.short


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[WarmCandidate], dict[str, int]]:
    """Draw a few models with choices on a few pools."""
    pools = [f"cuda:{at}" for at in range(draw(st.integers(1, 3)))]
    amounts = st.dictionaries(st.sampled_from(pools), st.integers(0, 12), min_size=1)
    wanted = []
    for at in range(draw(st.integers(0, 4))):
        options = [
            LoadOption(variant, f"v{variant}", Placement.on(*needs), draw(st.sampled_from((None, None, 0, 7))), needs)
            for variant, needs in enumerate(draw(st.lists(amounts, max_size=3)))
        ]
        demand, seconds = draw(st.sampled_from((0, 0.5, 6, 80))), draw(st.sampled_from((2, 10, 300)))
        wanted.append(WarmCandidate(f"m{at}", options, draw(st.integers(1, 2)), draw(st.booleans()), demand, seconds))
    return wanted, {pool: draw(st.integers(-2, 20)) for pool in pools}


def fits(options: list[LoadOption], free: dict[str, int]) -> bool:
    """Return whether choices fit together."""
    return all(sum(each.needs.get(pool, 0) for each in options) <= max(0, room) for pool, room in free.items())


def allowed(wanted: WarmCandidate, free: dict[str, int]) -> list[LoadOption]:
    """Return the choices that count: those in part on the host only where no other fits the empty machine."""
    complete = [each for each in wanted.options if each.gpu_layers is None]
    return complete if any(fits([each], free) for each in complete) else list(wanted.options)


@settings(deadline=None)
@given(questions())
def test_no_set_is_worth_more(question: tuple[list[WarmCandidate], dict[str, int]]) -> None:
    """The value is that of the best of all sets that fit; who is left out is told, and does not fit beside the others."""
    wanted, free = question
    found = choose_warm_set(wanted, free)
    scale = ValueScale(wanted, max((demerit(option) for each in wanted for option in allowed(each, free)), default=0))
    sets = [
        [(each, pick) for each, pick in zip(wanted, picks, strict=True) if pick is not None]
        for picks in product(*([None, *allowed(each, free)] for each in wanted))
    ]
    values = [sum(scale.value(*each) for each in taken) for taken in sets if fits([pick for _, pick in taken], free)]
    warm = [(each, found.options[each.name]) for each in wanted if each.name in found.options]
    picked = [pick for _, pick in warm]
    assert (max(values), True) == (sum(scale.value(*each) for each in warm), found.proved)
    assert fits(picked, free)
    out = {each.name: each for each in found.left_out}
    assert {each.name for each in wanted} == out.keys() | found.options.keys()
    assert not out.keys() & found.options.keys()
    assert all(not fits([*picked, each], free) for one in wanted if one.name in out for each in allowed(one, free))
    assert all(out[each.name].short for each in wanted if each.options and each.name in out)


@pytest.mark.slow
@settings(deadline=None)
@given(questions(), st.randoms(use_true_random=False))
def test_the_order_of_the_question_does_not_matter(
    question: tuple[list[WarmCandidate], dict[str, int]], dice: random.Random
) -> None:
    """Models and pools in any order give the same answer."""
    wanted, free = question
    mixed = dice.sample(wanted, len(wanted))
    assert choose_warm_set(wanted, free) == choose_warm_set(mixed, dict(dice.sample(list(free.items()), len(free))))


@settings(deadline=None)
@given(st.lists(st.integers(1, 24), max_size=7))
def test_as_many_as_possible(sizes: list[int]) -> None:
    """On one card no larger set of equally important models fits, and a pool is never over-committed."""
    found = chosen(*(Model(str(at), [serving_mode(size)]) for at, size in enumerate(sizes)))
    best = max(count for count in range(len(sizes) + 1) if any(sum(s) <= 24 for s in combinations(sizes, count)))
    assert (best, True) == (len(found.options), found.proved)
    assert all(left >= 0 for left in less(pool_budgets(CARD), found.options.values()).values())


def test_a_large_question_ends_without_proof() -> None:
    """What cannot be searched through gets the best found; the first path is always walked to its end."""
    found = chosen(
        *(Model(str(at), [serving_mode(7 + at % 5), serving_mode(6), serving_mode(5)], at % 3) for at in range(24)),
        cards=(24,) * 4,
    )
    assert not found.proved
    assert len(found.options) >= 8


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
    started = process_time()
    wishes = [
        Model(
            f"{at}",
            [
                llamacpp_mode(shape.name, "llamacpp", LlamaCppServing(shape, Serving(context=8192 + 256 * at)))
                for shape in shapes
            ],
            50 - at % 4,
        )
        for at in range(20)
    ]
    found = choose_warm_set([wish.on(host) for wish in wishes], pool_budgets(host))
    took = process_time() - started
    print(f"{name}: {took * 1000:.0f} ms")  # noqa: T201 - shown by pytest -rP
    assert found.options
    assert took < 2
