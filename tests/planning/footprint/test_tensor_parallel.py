"""Tensor-parallel degrees: which can be, on which cards, and why not."""

from dataclasses import replace

from hostd.domain.host import Pool, PoolKind
from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.footprint.tensor_parallel import degrees

BLOCK = Layer(LayerKind.FULL, 32, 8, 128, 128)
SHAPE = Shape("llama", "a model", (BLOCK,) * 2, heads=32, feed_forward=14336)


def card(number: int, gib: float = 24, links: str = "") -> Pool:
    """Return a card that is linked to the pools in *links*."""
    total = int(gib * 2**30)
    facts = (("nvlink", links),) if links else ()
    return Pool(f"cuda:{number}", PoolKind.VRAM, "RTX 4090", total, total, total, facts=facts)


def test_heads_must_divide() -> None:
    """A model of 32 heads goes on 1, 2 and 4 of five cards; 3 and 5 are refused with the number of heads."""
    found = degrees(SHAPE, [card(number) for number in range(5)])
    assert [1, 2, 4] == [each.degree for each in found if not each.why_not]
    assert "its 32 attention heads cannot be dealt evenly to 3 cards" == found[2].why_not
    assert ("cuda:0", "cuda:1") == found[1].cards


def test_key_value_heads_are_dealt_or_copied() -> None:
    """Two key-value heads go on four cards, twice each; six heads go on neither four cards nor eight."""
    few = replace(SHAPE, layers=(replace(BLOCK, kv_heads=2),))
    found = degrees(few, [card(number) for number in range(4)])[3]
    assert ("", True) == (found.why_not, "keep the same ones" in found.note)
    six = replace(SHAPE, layers=(replace(BLOCK, kv_heads=6),))
    assert "neither dealt to 4 cards" in degrees(six, [card(number) for number in range(4)])[3].why_not


def test_a_latent_is_whole_on_every_card() -> None:
    """Latent attention may be spread, and the note says that its cache is not."""
    latent = replace(SHAPE, layers=(Layer(LayerKind.FULL, 128, 1, 576, 0),))
    found = degrees(latent, [card(0), card(1)])[1]
    assert ("", True) == (found.why_not, "every card keeps all of it" in found.note)


def test_widths_and_states_must_divide() -> None:
    """Feed-forward widths and recurrent states that cannot be dealt are named."""
    narrow = replace(SHAPE, feed_forward=13)
    assert "feed-forward width of 13" in degrees(narrow, [card(0), card(1)])[1].why_not
    odd = replace(SHAPE, layers=(Layer(LayerKind.RECURRENT, 32, conv_state=2, state=3),))
    assert "recurrent state" in degrees(odd, [card(0), card(1)])[1].why_not


def test_cards_must_be_alike() -> None:
    """Of a large card and two equal ones, the equal ones are taken; three are refused with their names."""
    found = degrees(
        replace(SHAPE, layers=(replace(BLOCK, heads=48, kv_heads=12),), feed_forward=0),
        [card(0, 80), card(1), card(2, 23.9)],
    )
    assert ("cuda:1", "cuda:2") == found[1].cards
    assert "3 equal cards are needed" in found[2].why_not


def test_linked_cards_come_first() -> None:
    """Where two cards are linked by NVLink they are taken, without a note; others bear one on PCIe."""
    linked = degrees(SHAPE, [card(0), card(1, links="cuda:2"), card(2, links="cuda:1")])[1]
    assert (("cuda:1", "cuda:2"), "") == (linked.cards, linked.note)
    assert "PCIe" in degrees(SHAPE, [card(0), card(1)])[1].note
    assert "" == degrees(SHAPE, [card(0)])[0].note
