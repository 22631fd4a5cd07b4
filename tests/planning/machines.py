"""Machines and serving modes of round numbers, so that a test can be checked by mental arithmetic."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.host import Host, Pool, PoolKind
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.load_option import LoadOption, load_options, pool_budgets

GIB = 2**30


def machine(*cards: int, ram: int = 64, kind: str = "cuda") -> Host:
    """Return a machine with cards of so many GiB, all of it for models."""
    pools = [
        Pool(f"{kind}:{at}", PoolKind.VRAM, "a card", size * GIB, size * GIB, size * GIB)
        for at, size in enumerate(cards)
    ]
    main = Pool("ram", PoolKind.RAM, "Main memory", ram * GIB, ram * GIB, ram * GIB)
    return Host("Linux", "a processor", ram * GIB, (*pools, main))


def mac(size: int) -> Host:
    """Return a Mac whose models may take so many GiB."""
    return Host("macOS", "Apple", size * GIB, (Pool("metal", PoolKind.UNIFIED, "Apple", size * GIB, 0, size * GIB),))


def serving_mode(size: int, *, layers: int = 0, backend: str = "llamacpp", cards_only: bool = False) -> ServingMode:
    """Return a serving mode that takes *size* GiB of weights, split by the shares of the devices, and nothing else."""

    def estimate(placement: Placement, gpu_layers: int | None) -> Footprint:
        there = size * GIB if gpu_layers is None else size * GIB * gpu_layers // layers
        there = there if placement.devices else 0
        total = sum(share for _, share in placement.devices)
        parts = {pool: int(there * share / total) for pool, share in placement.devices if there}
        if there < size * GIB:
            parts[placement.host] = size * GIB - there
        return Footprint({pool: {Component.WEIGHTS: Span.exactly(count)} for pool, count in parts.items()})

    return ServingMode(f"{backend}:{size}", backend, cache(estimate), layers=layers, cards_only=cards_only)


def single(cards: Sequence[Pool]) -> str:
    """Say no to more than one card."""
    return "one card only" if len(cards) > 1 else ""


def options(host: Host, *modes: ServingMode) -> list[LoadOption]:
    """Return the options of a model with these variants on an empty host, or those nearest to fitting."""
    found, too_large = list[LoadOption](), list[LoadOption]()
    for rank, mode in enumerate(modes):
        some, nearest = load_options(mode, host, pool_budgets(host))
        found += [replace(each, variant=rank) for each in some]
        too_large += [replace(nearest, variant=rank)] if nearest and not some else []
    return found or too_large
