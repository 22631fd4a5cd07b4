"""Degrees of tensor parallelism that a model and its cards allow, with the reason against each other degree.

The cards get equal parts of every layer's heads and exchange results after every layer: so the heads must divide evenly, the
cards should be equal, and it is fast only over NVLink.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hostd.domain.host import Pool
from hostd.domain.shape import LayerKind, Shape

# Share of the total by which two cards of one product may differ, because their firmware reserves different amounts.
_ALIKE = 0.02


@dataclass(frozen=True, slots=True)
class TensorParallelDegree:
    """One tensor-parallel degree: its *cards* by pool id, or *why_not*, a sentence (empty: possible); *note* says what it costs."""

    degree: int
    cards: tuple[str, ...] = ()
    why_not: str = ""
    note: str = ""


def degrees(shape: Shape, devices: Sequence[Pool]) -> tuple[TensorParallelDegree, ...]:
    """Return every degree from 1 to the number of *devices*, each with its cards or the reason against it."""
    return tuple(_degree(shape, devices, count) for count in range(1, len(devices) + 1))


def _degree(shape: Shape, devices: Sequence[Pool], count: int) -> TensorParallelDegree:
    if why_not := _indivisible(shape, count):
        return TensorParallelDegree(count, why_not=why_not)
    cards = _alike(devices, count)
    if not cards:
        named = ", ".join(f"{pool.id} {pool.name} ({pool.total / 2**30:.0f} GiB)" for pool in devices)
        return TensorParallelDegree(count, why_not=f"{count} equal cards are needed, and these are not: {named}")
    return TensorParallelDegree(count, tuple(pool.id for pool in cards), note=_note(shape, cards))


def _indivisible(shape: Shape, count: int) -> str:
    for layer in shape.layers:
        if layer.heads % count:
            return f"its {layer.heads} attention heads cannot be dealt evenly to {count} cards"
        latent = not layer.value_width
        if layer.kv_heads and not latent and layer.kv_heads % count and count % layer.kv_heads:
            return f"its {layer.kv_heads} key-value heads can be neither dealt to {count} cards nor copied evenly"
        if layer.state % count:
            return f"its recurrent state cannot be dealt evenly to {count} cards"
    for width in (shape.feed_forward, shape.expert_feed_forward):
        if width % count:
            return f"its feed-forward width of {width} cannot be dealt evenly to {count} cards"
    return ""


def _alike(devices: Sequence[Pool], count: int) -> tuple[Pool, ...]:
    """Return *count* cards of one size, linked by NVLink if enough are; none if there are too few."""
    found: tuple[Pool, ...] = ()
    for first in devices:
        equal = [pool for pool in devices if abs(pool.total - first.total) <= _ALIKE * first.total]
        linked = [pool for pool in equal if pool is first or pool.id in _links(first)]
        if len(linked) >= count:
            return tuple(linked[:count])
        if len(equal) >= count and not found:
            found = tuple(equal[:count])
    return found


def _links(pool: Pool) -> frozenset[str]:
    return frozenset(dict(pool.facts).get("nvlink", "").split())


def _note(shape: Shape, cards: Sequence[Pool]) -> str:
    notes = []
    linked = all(other is card or other.id in _links(card) for card in cards for other in cards)
    if not linked:
        notes.append("the cards are not known to be linked by NVLink, so each token waits for PCIe twice per layer")
    attentive = [layer for layer in shape.layers if layer.kind in (LayerKind.FULL, LayerKind.SLIDING)]
    if len(cards) > 1 and any(not layer.value_width for layer in attentive):
        notes.append("its cached latent is one for all heads, so every card keeps all of it")
    elif any(0 < layer.kv_heads < len(cards) for layer in attentive):
        notes.append("it has fewer key-value heads than cards, so some cards keep the same ones")
    return "; ".join(notes)
