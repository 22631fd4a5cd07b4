"""Hosts and their pools."""

from hostd.domain.host import Host, Pool, PoolKind

GIB = 1 << 30
GPU = Pool("cuda:0", PoolKind.VRAM, "RTX 4090", 24 * GIB, 20 * GIB, 23 * GIB)
RAM = Pool("ram", PoolKind.RAM, "RAM", 64 * GIB, 32 * GIB, 60 * GIB)
HOST = Host("linux", "a CPU", 64 * GIB, (GPU, RAM))


def test_pools_are_found_by_id() -> None:
    """A pool is found by its id; one that is not there is None."""
    assert [GPU, None] == [HOST.pool("cuda:0"), HOST.pool("metal")]


def test_accelerators_are_what_is_not_ram() -> None:
    """Host RAM accelerates nothing."""
    assert (GPU,) == HOST.accelerators


def test_a_pool_shows_its_room() -> None:
    """A pool's line says what is free of how much."""
    assert "<Pool cuda:0 RTX 4090: 20.0 of 24.0 GiB free>" == repr(GPU)
