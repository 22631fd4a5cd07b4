"""Macs, from what their commands print."""

import sys

import pytest

from hostd.domain.host import PoolKind
from hostd.hardware.apple import METAL_QUERY, VM_STAT, Mac, parse_sysctl, parse_vm_stat, run
from tests.hardware.macs import USED_M4, VM_STAT_M4, Recorded, sysctl

MIB = 2**20
GIB = 2**30


@pytest.mark.parametrize(
    ("name", "gib", "ceiling", "budget"),
    [
        ("Apple M4", 16, 11453251584, 10 * GIB),
        ("Apple M5", 24, 18186 * MIB, 18186 * MIB),
        ("Apple M2 Max", 64, 55662788608, 55662788608),
        ("Apple M4 Max", 128, 110100 * MIB, 110100 * MIB),
        ("Apple M3 Ultra", 256, 228045 * MIB, 228045 * MIB),
    ],
)
def test_the_ceiling_is_what_metal_says(name: str, gib: int, ceiling: int, budget: int) -> None:
    """Its share of the whole is another on each machine; the reserve counts only where the ceiling leaves less."""
    reading = Mac(Recorded(sysctl(name, gib), f"{ceiling}\n")).read(6 * GIB)
    (pool,) = reading.pools
    assert () == reading.troubles
    assert ("metal", PoolKind.UNIFIED, name) == (pool.id, pool.kind, pool.name)
    assert (gib * GIB, gib * GIB - USED_M4, budget) == (pool.total, pool.free, pool.budget)
    assert {"ceiling_bytes": str(ceiling), "ceiling_from": "Metal", "pressure": "normal"} == dict(pool.facts)


def test_the_owners_limit_goes_before_metal() -> None:
    """A wired limit is the ceiling, Metal is not even asked, and the reserve still holds."""
    recorded = Recorded(sysctl("Apple M2 Max", 64, wired_limit=60 * 1024), "")
    (pool,) = Mac(recorded).read(6 * GIB).pools
    assert (58 * GIB, "iogpu.wired_limit_mb") == (pool.budget, dict(pool.facts)["ceiling_from"])
    assert METAL_QUERY not in recorded.asked


def test_a_limit_beyond_the_memory_is_no_ceiling() -> None:
    """Nothing is budgeted that is not there."""
    (pool,) = Mac(Recorded(sysctl("Apple M1", 16, wired_limit=99999), "")).read(0).pools
    assert 16 * GIB == pool.budget


def test_metal_is_asked_once() -> None:
    """The ceiling stays until the owner moves the limit; what is in use is read every time."""
    recorded = Recorded(sysctl("Apple M4", 16), "11453251584\n")
    mac = Mac(recorded)
    for _ in range(3):
        mac.read(0)
    assert (1, 3) == (recorded.asked.count(METAL_QUERY), recorded.asked.count(VM_STAT))
    recorded.sysctl = sysctl("Apple M4", 16, wired_limit=12288)
    assert 12 * GIB == mac.read(0).pools[0].budget


@pytest.mark.parametrize(("level", "word"), [(1, "normal"), (2, "warning"), (4, "critical"), (3, "unknown")])
def test_pressure_is_a_fact(level: int, word: str) -> None:
    """The kernel's levels have names."""
    (pool,) = Mac(Recorded(sysctl("Apple M4", 16, pressure=level), "11453251584\n")).read(0).pools
    assert word == dict(pool.facts)["pressure"]


@pytest.mark.parametrize("metal", ["", "0\n", "Segmentation fault\n", "-5\n", "9" * 30])
def test_metal_that_does_not_answer(metal: str) -> None:
    """No fraction is made up: there is no such pool, and a sentence says what the owner can do."""
    reading = Mac(Recorded(sysctl("Apple M4", 16), metal)).read(0)
    assert () == reading.pools
    assert "Metal does not say how much it may hold" in reading.troubles[0]


def test_a_mac_without_apple_silicon() -> None:
    """Its processor and graphics share nothing that models could use."""
    recorded = Recorded(
        "hw.memsize: 17179869184\nmachdep.cpu.brand_string: Intel(R) Core(TM) i7-8750H CPU @ 2.20GHz\n", ""
    )
    reading = Mac(recorded).read(0)
    assert ((), True) == (reading.pools, "no Apple silicon" in reading.troubles[0])


def test_memory_in_use_that_is_not_told() -> None:
    """Nothing is taken to be free, and that is said."""
    reading = Mac(Recorded(sysctl("Apple M4", 16), "11453251584\n", vm_stat="")).read(0)
    assert (0, 1) == (reading.pools[0].free, len(reading.troubles))


def test_parsing_sysctl() -> None:
    """Values may hold colons; other lines are passed over."""
    assert {"a.b": "c: d", "e": ""} == parse_sysctl("a.b: c: d\nsysctl unknown oid\ne:\n")


@pytest.mark.parametrize(
    ("text", "used"),
    [
        (VM_STAT_M4, USED_M4),
        (VM_STAT_M4.replace("16384", "4096"), USED_M4 // 4),
        (VM_STAT_M4.replace("Anonymous", "Other"), None),
        (VM_STAT_M4.replace("(page size of 16384 bytes)", ""), None),
        ("", None),
        ("\n\n:::", None),
    ],
)
def test_parsing_vm_stat(text: str, used: int | None) -> None:
    """What is wired, compressed, or held and not purgeable, in pages of the size that the head says."""
    assert used == parse_vm_stat(text)


def test_running_commands() -> None:
    """What a failing command prints is taken; one that is not there prints nothing."""
    assert "out" == run([sys.executable, "-c", "import sys; print('out', end=''); sys.exit(1)"])
    assert "" == run(["/nowhere/sysctl"])
