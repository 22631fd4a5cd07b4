"""Machines that one might buy."""

import pytest

from hostd.domain.host import PoolKind, Reserve
from hostd.hardware.simulated import PRESETS, preset

GIB = 2**30
NAMES = (
    "rtx3090 rtx4090 rtx5090 2xrtx3090 2xrtx4090 a6000 l40s a100-80g h100 3xh100 h200 "
    "m2max-64g m3ultra-256g m4-16g m4max-128g m1-16g cpu-32g cpu-64g rx7900xtx"
)


@pytest.mark.parametrize("name", PRESETS)
def test_every_machine_makes_sense(name: str) -> None:
    """Nothing is used, nothing is more than there is, and every byte is in one pool."""
    host = preset(name, Reserve())
    assert len(host.pools) == len({pool.id for pool in host.pools})
    for pool in host.pools:
        assert 0 < pool.budget < pool.free <= pool.total, pool
        assert "  " not in pool.name
    assert ["metal"] == [pool.id for pool in host.pools] or host.pool("ram") is not None


@pytest.mark.parametrize("name", NAMES.split())
def test_the_usual_machines_are_known(name: str) -> None:
    """The names that people write."""
    assert name in PRESETS


def test_several_cards() -> None:
    """Each is a pool of its own, with what engines ask of a card."""
    host = preset("3xh100", Reserve())
    assert ["cuda:0", "cuda:1", "cuda:2", "ram"] == [pool.id for pool in host.pools]
    assert "9.0" == dict(host.pools[2].facts)["compute_capability"]
    assert ["rocm:0"] == [pool.id for pool in preset("rx7900xtx", Reserve()).accelerators]


def test_a_mac_is_one_pool() -> None:
    """Its ceiling is its own, not a share that all Macs have; the reserve counts where the ceiling leaves less."""
    (large,) = preset("m2max-64g", Reserve()).pools
    (small,) = preset("m4-16g", Reserve()).pools
    assert (PoolKind.UNIFIED, 51.84) == (large.kind, round(large.budget / GIB, 2))
    assert 10 * GIB == small.budget
    assert 10922 * 2**20 == preset("m4-16g", Reserve(unified=0)).pools[0].budget


def test_the_owners_reserve_counts() -> None:
    """Of each card, and of main memory."""
    card, ram = preset("rtx4090", Reserve(vram=2 * GIB, ram=0)).pools
    assert (card.free - 2 * GIB, ram.total) == (card.budget, ram.budget)


def test_other_names_are_refused() -> None:
    """An unknown name is a KeyError."""
    with pytest.raises(KeyError):
        preset("rtx9999", Reserve())
