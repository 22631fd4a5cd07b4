"""Shapes add up."""

from hostd.domain.shape import Layer, LayerKind, Shape, Tables

FULL = Layer(LayerKind.FULL, kv_heads=2, key_width=64, value_width=32, dense_bytes=10, expert_bytes=20)
SLIDING = Layer(LayerKind.SLIDING)
SHAPE = Shape("llama", "tiny", (FULL, SLIDING, FULL), nextn=(FULL,), tables=Tables(1, 2, 3, 4), projector=5)


def test_elements_per_token_are_those_of_all_kv_heads() -> None:
    """Keys and values may differ in width; each is kept for every KV head."""
    assert (128, 64) == (FULL.key_elements, FULL.value_elements)


def test_every_weight_is_counted_once() -> None:
    """Layers, drafting layers, tables and projector together are all there is."""
    assert 30 * 3 + 1 + 2 + 3 + 4 + 5 == SHAPE.weight_bytes


def test_layers_are_counted_by_kind() -> None:
    """A shape shows in one line what its trunk consists of."""
    assert (2, 1, 0) == tuple(SHAPE.count(kind) for kind in (LayerKind.FULL, LayerKind.SLIDING, LayerKind.NONE))
    assert "<Shape tiny (llama): 3 layers (2 full, 1 sliding)>" == repr(SHAPE)
    assert "<Shape ? (new): 0 layers (), architecture not known>" == repr(Shape("new", "", (), known=False))
