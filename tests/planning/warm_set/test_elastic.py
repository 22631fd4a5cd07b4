"""Shares of elastic memory: bounded, equal, and never at another model's cost."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.footprint import Component, ElasticMemory
from hostd.planning.warm_set.elastic import GUARDED, with_shares
from hostd.planning.warm_set.eviction import EvictionCandidate, cheapest_eviction
from hostd.planning.warm_set.load_option import LoadOption, excess, less

GIB = 2**30
PAST = ElasticMemory("cache", ("ram",), GIB, 8)


def option(needs: int, *elastic: ElasticMemory, pool: str = "ram") -> LoadOption:
    """Return an option that needs so many GiB of a pool."""
    return LoadOption(0, "a", needs={pool: needs * GIB}, elastic=elastic)


def shares(found: LoadOption) -> dict[str, int]:
    """Return what was dealt, by flag."""
    return dict(found.shares or {})


def test_a_share_is_half_of_what_is_left_and_no_more_than_is_of_use() -> None:
    """It is part of the needs from then on."""
    found = with_shares(option(4, PAST), {"ram": 6 * GIB})
    assert ({"cache": 3}, {"ram": 7 * GIB}) == (shares(found), found.needs)
    assert {"cache": 8} == shares(with_shares(option(4, PAST), {"ram": 60 * GIB}))
    assert {"cache": 0} == shares(with_shares(option(4, PAST), {"ram": 0}))


def test_other_models_have_what_they_need_first() -> None:
    """Of those that do not fit beside each other, the first ones."""
    left = {"ram": 12 * GIB}
    others = [option(7), option(10), option(3)]
    assert {"cache": 1} == shares(with_shares(option(1, PAST), left, others))


def test_a_share_fits_beside_every_set_that_fits() -> None:
    """Of 20 GiB, two models of 4 leave 12; but one of 14 beside either of them leaves 2, and that is what each may have."""
    models = [option(4, PAST), option(4, PAST), option(14)]
    assert {"cache": 2} == shares(with_shares(models[0], {"ram": 16 * GIB}, models[1:]))
    loaded = with_shares(models[0], {"ram": 16 * GIB}, models[1:])
    second = with_shares(models[1], less({"ram": 20 * GIB}, [loaded, models[1]]), models[2:], [loaded])
    assert {"cache": 2} == shares(second)
    # One that neither fits beside has no say.
    assert {"cache": 3} == shares(with_shares(models[0], {"ram": 16 * GIB}, [models[1], option(17)]))


def test_only_so_many_models_are_guarded() -> None:
    """Among more, shares would be nothing: the most wanted ones count, and loaded ones before others."""
    small, large = [option(1)] * GUARDED, option(16)
    assert {"cache": 0} == shares(with_shares(option(4, PAST), {"ram": 16 * GIB}, [large, *small]))
    assert {"cache": 5} == shares(with_shares(option(4, PAST), {"ram": 16 * GIB}, [*small, large]))
    left = {"ram": (16 - GUARDED) * GIB}
    assert {"cache": 5} == shares(with_shares(option(4, PAST), left, [large], small))


def test_equal_parts_whatever_the_order_of_loads() -> None:
    """Three models, loaded one after the other or dealt to all at once, get the same."""
    models = [replace(option(2, PAST), label=name) for name in "abc"]
    loaded: list[LoadOption] = []
    free = {"ram": 30 * GIB}
    for number, model in enumerate(models):
        left = less(free, [model])
        granted = with_shares(model, left, models[number + 1 :], loaded)
        free = less(free, [granted])
        loaded.append(granted)
    assert [{"cache": 4}] * 3 == [shares(each) for each in loaded]


def test_a_cache_that_is_taken_at_once_may_have_all_that_is_left() -> None:
    """The cache for requests that the owner allows at once, on every card alike."""
    cache = ElasticMemory("kv", ("cuda:0", "cuda:1"), GIB, 100, Component.KV, at_once=True)
    found = with_shares(option(4, cache, pool="cuda:0"), {"cuda:0": 9 * GIB, "cuda:1": 5 * GIB})
    assert ({"kv": 5}, {"cuda:0": 9 * GIB, "cuda:1": 5 * GIB}) == (shares(found), found.needs)


def test_what_one_flag_cannot_use_goes_to_the_next() -> None:
    """And one unit is worth more than an equal part."""
    few, large = ElasticMemory("few", ("ram",), GIB, 1), ElasticMemory("large", ("ram",), 3 * GIB, 9)
    assert {"few": 1, "cache": 4} == shares(with_shares(option(1, few, PAST), {"ram": 10 * GIB}))
    assert {"large": 1, "cache": 1} == shares(with_shares(option(1, large, PAST), {"ram": 8 * GIB}))


def test_shares_are_dealt_once() -> None:
    """A sleeping engine was started with its own."""
    asleep = option(4, PAST).granted({"cache": 2})
    assert asleep == with_shares(asleep, {"ram": 60 * GIB})


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=6), st.integers(0, 60))
def test_a_share_never_keeps_another_model_out(models: list[tuple[int, int]], size: int) -> None:
    """Loaded in any order, each model that fits by its needs still fits when its turn comes."""
    options = [option(needs, ElasticMemory("cache", ("ram",), GIB, most)) for needs, most in models]
    fitting, free = list[LoadOption](), {"ram": size * GIB}
    for each in options:
        if each.needs["ram"] <= less(free, fitting)["ram"]:
            fitting.append(each)
    loaded: list[LoadOption] = []
    for number, each in enumerate(fitting):
        left = less(free, [*loaded, each])
        assert left["ram"] >= 0
        loaded.append(with_shares(each, left, fitting[number + 1 :], loaded))
    assert less(free, loaded)["ram"] >= 0


@given(
    models=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 99)), min_size=2, max_size=GUARDED + 1),
    size=st.integers(9, 40),
    asked=st.lists(st.integers(0, GUARDED), min_size=1, max_size=20),
    cost=st.permutations(range(GUARDED + 1)),
)
def test_shares_never_cost_an_eviction(
    models: list[tuple[int, int]], size: int, asked: list[int], cost: list[int]
) -> None:
    """Whichever models are asked for in whatever order, the same ones are evicted as if nobody had a share; all of it fits."""
    unit = GIB // 64
    options = [option(needs, ElasticMemory("cache", ("ram",), unit, 64 * most)) for needs, most in models]
    whole, loaded = {"ram": size * GIB}, dict[int, LoadOption]()
    for number in (each % len(models) for each in asked):
        if number in loaded:
            continue

        def evicted(held: dict[int, LoadOption], claimant: LoadOption = options[number]) -> set[str]:
            candidates = [EvictionCandidate(str(n), 2.0 ** cost[n], each.needs, 0.0) for n, each in held.items()]
            chosen = cheapest_eviction(candidates, excess(claimant.needs, less(whole, held.values())))
            assert chosen is not None
            return {each.name for each in chosen}

        gone = evicted(loaded)
        assert evicted({n: options[n] for n in loaded}) == gone
        loaded = {n: each for n, each in loaded.items() if str(n) not in gone}
        left = less(whole, [*loaded.values(), options[number]])
        others = [each for n, each in enumerate(options) if n != number and n not in loaded]
        loaded[number] = with_shares(options[number], left, others, list(loaded.values()))
        assert less(whole, loaded.values())["ram"] >= 0
