"""A card that vanishes is missed by name, keeps its models from the processor, and is noticed when it comes back."""

from dataclasses import replace

from hostd.domain.host import Holder, Host, Pool, PoolKind
from hostd.supervisor.card_watch import CardWatch

GIB = 1 << 30
RAM = Pool("ram", PoolKind.RAM, "Main memory", 64 * GIB, 50 * GIB, 60 * GIB)
CARD = Pool("cuda:0", PoolKind.VRAM, "A card", 24 * GIB, 13 * GIB, 22 * GIB, (Holder(7, "engine", 10 * GIB),))
OTHER = replace(CARD, id="cuda:1")


def machine(*pools: Pool, troubles: tuple[str, ...] = (), awaited: tuple[str, ...] = ()) -> Host:
    """Return a machine with main memory and *pools*."""
    return Host("Linux", "a processor", 64 * GIB, (*pools, RAM), troubles, awaited=awaited)


def test_a_lost_card_is_planned_with_and_told_of() -> None:
    """Nobody uses it any more, so it counts as free; what the driver says of it is the reason."""
    watch = CardWatch()
    assert machine(CARD, OTHER) == watch.seen(machine(CARD, OTHER))
    assert ((), None) == (watch.troubles, watch.trouble)
    said = "cuda:0 (A card) is left out: it has fallen off the bus"
    seen = watch.seen(machine(OTHER, troubles=("cuda:1 (A card) is slow", said)))
    assert (replace(CARD, free=24 * GIB, holders=()), {"cuda:0": said}) == (seen.pool("cuda:0"), watch.lost)
    assert f"degraded: {said}" == watch.trouble
    watch.seen(machine())
    assert "cuda:1 (A card) has vanished: it was there earlier and is not now" == watch.lost["cuda:1"]


def test_tells_of_cards_that_come() -> None:
    """New ones as well as those that were lost; the first measurement is no news."""
    watch, told = CardWatch(), list[frozenset[str]]()
    watch.follow(told.append)
    watch.seen(machine(CARD))
    watch.seen(machine(CARD))
    assert [] == told
    watch.seen(machine())
    watch.seen(machine(CARD, OTHER))
    assert ([frozenset({"cuda:0", "cuda:1"})], ()) == (told, watch.troubles)


def test_a_card_that_has_not_come_yet_is_a_trouble() -> None:
    """The host serves, and worse than it should."""
    watch = CardWatch()
    watch.seen(machine(awaited=("the driver is not loaded",)))
    assert (("the driver is not loaded",), {}) == (watch.awaited, watch.lost)
    assert "degraded: the driver is not loaded" == watch.trouble
    watch.seen(machine(CARD))
    assert () == watch.troubles


def test_main_memory_is_no_card() -> None:
    """What is shared with it cannot be lost alone."""
    watch = CardWatch()
    unified = replace(RAM, id="metal", kind=PoolKind.UNIFIED)
    watch.seen(machine(unified))
    assert (machine(), {}) == (watch.seen(machine()), watch.lost)
