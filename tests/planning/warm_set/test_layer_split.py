"""Layers are dealt to devices by their bytes."""

from dataclasses import replace

import pytest

from hostd.domain.shape import Layer, LayerKind, Shape, Tables
from hostd.planning.footprint.levers import LlamaCppServing
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.serving_modes import ServingMode, llamacpp_mode
from hostd.planning.warm_set.layer_split import dealt
from hostd.planning.warm_set.load_option import excess, expert_offload, load_options, pool_budgets
from tests.planning.machines import GIB, machine

SERVING = Serving(context=4096, slots=1, cache_ram=0, checkpoints=0, build=10000)


def shape(*sizes: float, experts: float = 0.0) -> Shape:
    """Return a model with layers of so many GiB of weights, and *experts* more in each."""
    layers = (
        Layer(
            LayerKind.FULL,
            heads=8,
            kv_heads=8,
            key_width=128,
            value_width=128,
            dense_bytes=int(size * GIB),
            expert_bytes=int(experts * GIB),
        )
        for size in sizes
    )
    tables = Tables(token_embedding=GIB // 4, output=GIB // 4)
    return Shape(
        "llama", "a model", tuple(layers), heads=8, embedding=1024, vocabulary=32000, context=4096, tables=tables
    )


def mode(of: Shape, **flags: object) -> ServingMode:
    """Return how llama.cpp serves it."""
    return llamacpp_mode("a", "llamacpp", LlamaCppServing(of, replace(SERVING, **flags)))  # type: ignore[arg-type]


def counts(placement: Placement) -> list[float]:
    """Return the layers of each device."""
    return [share for _, share in placement.devices]


def test_unequal_layers_fill_equal_cards_equally() -> None:
    """Half of the layers would be two thirds of the bytes: as many gigabytes go to each card instead."""
    cards = machine(24, 24)
    free = pool_budgets(cards)
    found = dealt(mode(shape(*[2.0] * 10, *[1.0] * 20)), Placement.on("cuda:0", "cuda:1"), free)
    assert [10, 21] == counts(found)
    (option,), _ = load_options(mode(shape(*[2.0] * 10, *[1.0] * 20)), cards, free)
    assert (None, [10, 21]) == (option.gpu_layers, counts(option.placement))


@pytest.mark.parametrize("sizes", [(24, 12), (12, 24), (16, 8, 8, 8)])
def test_uneven_cards_are_equally_full(sizes: tuple[int, ...]) -> None:
    """Whichever comes first, no card would be emptier than one layer allows."""
    cards = machine(*sizes)
    free, names = pool_budgets(cards), [pool.id for pool in cards.accelerators]
    placement = dealt(mode(shape(*[0.8] * 32)), Placement.on(*names), free)
    there = mode(shape(*[0.8] * 32)).estimate(placement, None)
    full = [there.needed(name) / free[name] for name in names]
    assert 33 == sum(counts(placement))
    assert max(full) <= 1
    assert max(full) - min(full) < 0.25


def test_what_hostd_does_not_deal_stays() -> None:
    """One device; the owner's own shares, by which the footprint counts; and fewer layers than devices."""
    free = pool_budgets(machine(24, 24))
    one, two = Placement.on("cuda:0"), Placement.on("cuda:0", "cuda:1")
    assert one is dealt(mode(shape(1, 1)), one, free)
    assert two is dealt(mode(shape(1, 1)), two, free, 1)
    owners = mode(shape(*[1.0] * 32), tensor_split=(3.0, 1.0))
    assert two is dealt(owners, two, free)
    there = owners.estimate(two, None)
    assert 2.5 < there.needed("cuda:0") / there.needed("cuda:1") < 3.5
    assert 2 == owners.cards


def test_experts_go_to_the_cpu_before_layers() -> None:
    """As few as have to, with all layers on the card; whole layers only where even that is too much."""
    cards = machine(12)
    free = pool_budgets(cards)
    moe = shape(*[0.2] * 20, experts=1.0)
    (option,) = load_options(mode(moe), cards, free)[0]
    assert (None, False) == (option.gpu_layers, option.whole)
    assert not excess(option.needs, free)
    fewer = mode(moe).estimate(replace(option.placement, cpu_experts=option.placement.cpu_experts - 1), None)
    assert fewer.needed("cuda:0") > free["cuda:0"]
    assert [] == list(expert_offload(mode(shape(*[1.0] * 20, experts=1.0)), cards, free))
    assert [] == list(expert_offload(mode(moe, cpu_experts=3), cards, free))
    dense = load_options(mode(shape(*[1.0] * 20)), cards, free)[0]
    assert dense[0].gpu_layers
