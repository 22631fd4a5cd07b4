"""Shares of elastic memory: bounded, equal, and never at another model's cost."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.footprint import Component, ElasticMemory
from hostd.planning.warm_set.elastic import with_shares
from hostd.planning.warm_set.load_option import LoadOption, less

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
    others = [option(7), option(9), option(3)]
    assert {"cache": 1} == shares(with_shares(option(1, PAST), left, others))


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
