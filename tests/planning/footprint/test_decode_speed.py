"""What a token reads of the weights."""

from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.decode_speed import active_bytes

MOE = Layer(LayerKind.FULL, dense_bytes=10, expert_bytes=800)


def test_a_token_reads_only_the_experts_that_are_picked() -> None:
    """And all else, the output table included."""
    shape = Shape("a", "a", (MOE,) * 2, experts=8, experts_used=2, tables=Tables(token_embedding=1000, output=30))
    assert 2 * (10 + 200) + 30 == active_bytes(shape)
    assert 2 * 810 + 1000 == active_bytes(Shape("a", "a", (MOE,) * 2, tables=Tables(token_embedding=1000)))
