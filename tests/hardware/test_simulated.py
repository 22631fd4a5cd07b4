"""Machines that one might buy."""

import pytest

from hostd.domain.host import PoolKind, Reserve
from hostd.hardware.simulated import PRESETS, find_preset, preset, preset_source

GIB = 2**30
NAMES = (
    "rtx3090 rtx4090 rtx5090 2xrtx3090 2xrtx4090 a6000 l40s a100-80g h100 3xh100 h200 "
    "m2max-64g m3ultra-256g m4-16g m4max-128g m1-16g cpu-32g cpu-64g rx7900xtx "
    "rtx4070-12g rtx4070tisuper-16g rtx4080-16g rtx5070-12g rtx5070ti-16g rtx5080-16g rtxpro6000-96g l4 t4 rtx2080-8g dgx-spark "
    "strix-halo-128g w7900 m1max-32g m1max-64g m3max-36g m3max-128g m4pro-24g m4pro-48g m5-16g m5max-64g 4xrtx3090 8xh100"
)


@pytest.mark.parametrize("name", PRESETS)
def test_every_machine_makes_sense(name: str) -> None:
    """Nothing is used, nothing is more than there is, and every byte is in one pool."""
    host = preset(name, Reserve())
    assert len(host.pools) == len({pool.id for pool in host.pools})
    for pool in host.pools:
        assert 0 < pool.budget < pool.free <= pool.total, pool
        assert "  " not in pool.name
    assert [PoolKind.UNIFIED] == [pool.kind for pool in host.pools] or host.pool("ram") is not None


@pytest.mark.parametrize("name", NAMES.split())
def test_the_usual_machines_are_known(name: str) -> None:
    """The names that people write."""
    assert name in PRESETS


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.startswith("cpu")])
def test_every_device_has_a_source(name: str) -> None:
    """A public report or a specification, which is told from a measurement."""
    source = preset_source(name)
    assert source is not None
    assert source.removeprefix("specification: ").startswith("https://")
    assert preset_source("cpu-16g") is None


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


def test_devices_that_share_the_systems_memory() -> None:
    """One pool, which is the processor's memory, too; the driver may limit what graphics use of it."""
    spark, halo = preset("dgx-spark", Reserve()), preset("strix-halo-128g", Reserve())
    assert ("cuda:0", PoolKind.UNIFIED, 128_501_256_192) == (spark.main, spark.pools[0].kind, spark.pools[0].total)
    assert (6 * GIB, 63 * GIB) == (spark.pools[0].total - spark.pools[0].budget, halo.pools[0].budget)
    assert ("ram", "metal") == (preset("rtx4090", Reserve()).main, preset("m1-16g", Reserve()).main)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4x3090", "4xrtx3090"),
        ("RTX 4080", "rtx4080-16g"),
        ("rtx4070", "rtx4070-12g"),
        ("M3 Max 36g", "m3max-36g"),
        ("DGX-Spark", "dgx-spark"),
        ("rtx9999", None),
        ("", None),
    ],
)
def test_names_are_found_however_they_are_written(text: str, name: str | None) -> None:
    """Without spaces, case, maker's prefix, or the size where that says nothing."""
    assert name == find_preset(text)


def test_the_owners_reserve_counts() -> None:
    """Of each card, and of main memory."""
    card, ram = preset("rtx4090", Reserve(vram=2 * GIB, ram=0)).pools
    assert (card.free - 2 * GIB, ram.total) == (card.budget, ram.budget)


def test_other_names_are_refused() -> None:
    """An unknown name is a KeyError."""
    with pytest.raises(KeyError):
        preset("rtx9999", Reserve())
