"""Footprints add up."""

from hostd.domain.footprint import Component, Footprint, Span

PLANNED = Footprint(
    {
        "cuda:0": {Component.WEIGHTS: Span.exactly(100), Component.COMPUTE: Span(1, 2, 3)},
        "ram": {Component.COMPUTE: Span(10, 20, 30)},
    }
)


def test_spans_add_up_end_by_end() -> None:
    """The low ends add up, the expected values, and the high ends."""
    assert Span(11, 22, 33) == Span(1, 2, 3) + Span(10, 20, 30)


def test_a_pool_holds_all_its_components() -> None:
    """What is held of a pool is the sum of its components; of an unknown pool, nothing."""
    assert [Span(101, 102, 103), Span()] == [PLANNED.pool("cuda:0"), PLANNED.pool("cuda:9")]


def test_a_component_counts_in_all_pools() -> None:
    """What is held for one purpose is the sum over pools."""
    assert [Span(11, 22, 33), Span()] == [PLANNED.component(Component.COMPUTE), PLANNED.component(Component.KV)]
