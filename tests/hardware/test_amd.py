"""AMD cards, from a tree as the kernel's driver writes it."""

from pathlib import Path

import pytest

from hostd.domain.host import Pool, PoolKind
from hostd.hardware import amd

GIB = 2**30
NAMES = """\
# List of AMDGPU IDs
1.0.0
744C,	C8,	AMD Radeon RX 7900 XTX
744C,	CC,	AMD Radeon RX 7900 XT
1586,	C1,	AMD Radeon 8060S Graphics
"""


def card(sysfs: Path, number: int, bus_id: str, **files: str) -> Path:
    """Write one card as `/sys` shows it; files of the device are given by name."""
    device = sysfs / "devices/pci0000:00" / bus_id
    device.mkdir(parents=True)
    shown = sysfs / f"class/drm/card{number}"
    shown.mkdir(parents=True)
    (shown / "device").symlink_to(device)
    (sysfs / f"class/drm/card{number}-DP-1").mkdir()
    files = {"vendor": "0x1002", "uevent": f"DRIVER=amdgpu\nPCI_ID=1002:744C\nPCI_SLOT_NAME={bus_id}"} | files
    for name, text in files.items():
        (device / name).write_text(text + "\n")
    return device


def memory(total: int, used: int, gtt: int) -> dict[str, str]:
    """Return the driver's files for sizes in bytes."""
    return {"mem_info_vram_total": str(total), "mem_info_vram_used": str(used), "mem_info_gtt_total": str(gtt)}


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A list of products as libdrm brings it."""
    (tmp_path / "amdgpu.ids").write_text(NAMES)
    return tmp_path / "amdgpu.ids"


def test_cards_are_numbered_by_their_bus(tmp_path: Path, names: Path) -> None:
    """Not by the order in which the kernel met them; others than AMD's are left alone."""
    card(tmp_path, 0, "0000:43:00.0", revision="0xcc", **memory(20 * GIB, 5 * GIB, 16 * GIB))
    card(tmp_path, 1, "0000:03:00.0", revision="0xc8", **memory(24 * GIB, 1 * GIB, 16 * GIB))
    card(tmp_path, 2, "0000:01:00.0", vendor="0x10de")
    reading = amd.read(GIB, tmp_path, names)
    first, second = reading.pools
    assert () == reading.troubles
    assert ("rocm:0", PoolKind.VRAM, "AMD Radeon RX 7900 XTX") == (first.id, first.kind, first.name)
    assert (24 * GIB, 23 * GIB, 23 * GIB) == (first.total, first.free, first.budget)
    assert {"pci_bus_id": "0000:03:00.0", "gtt_bytes": str(16 * GIB)} == dict(first.facts)
    assert ("rocm:1", "AMD Radeon RX 7900 XT", 15 * GIB) == (second.id, second.name, second.free)


def test_a_processor_with_graphics(tmp_path: Path, names: Path) -> None:
    """Its small VRAM is the pool; that it borrows main memory is a fact."""
    uevent = "DRIVER=amdgpu\nPCI_ID=1002:1586\nPCI_SLOT_NAME=0000:c4:00.0"
    card(tmp_path, 0, "0000:c4:00.0", uevent=uevent, revision="0xc1", **memory(GIB // 2, GIB // 4, 62 * GIB))
    (pool,) = amd.read(GIB, tmp_path, names).pools
    assert ("AMD Radeon 8060S Graphics", GIB // 2, 0) == (pool.name, pool.total, pool.budget)
    assert ("yes", str(62 * GIB)) == (dict(pool.facts)["shares_main_memory"], dict(pool.facts)["gtt_bytes"])


def test_graphics_that_are_all_there_is_have_main_memory(tmp_path: Path, names: Path) -> None:
    """One pool of kind unified: their own part and main memory, within what the driver lets them use; beside a card, their own."""
    main = Pool("ram", PoolKind.RAM, "Main memory", 124 * GIB, 100 * GIB, 118 * GIB)
    card(tmp_path, 0, "0000:c4:00.0", **memory(GIB, GIB // 4, 62 * GIB))
    (pool,) = amd.read(GIB, tmp_path, names, lambda: main).pools
    assert ("rocm:0", PoolKind.UNIFIED) == (pool.id, pool.kind)
    assert (125 * GIB, 100 * GIB + GIB * 3 // 4, 63 * GIB) == (pool.total, pool.free, pool.budget)
    card(tmp_path, 1, "0000:03:00.0", **memory(24 * GIB, 1 * GIB, 16 * GIB))
    assert [PoolKind.VRAM] * 2 == [pool.kind for pool in amd.read(GIB, tmp_path, names, lambda: main).pools]


def test_names(tmp_path: Path, names: Path) -> None:
    """What the board says of itself goes first; an unlisted product is named by its number."""
    card(tmp_path, 0, "0000:01:00.0", product_name="AMD Instinct MI210", **memory(64 * GIB, 0, 0))
    card(tmp_path, 1, "0000:02:00.0", revision="0x00", **memory(8 * GIB, 0, 0))
    assert ["AMD Instinct MI210", "AMD graphics 1002:744C"] == [
        pool.name for pool in amd.read(0, tmp_path, names).pools
    ]
    assert "AMD graphics 1002:744C" == amd.read(0, tmp_path, tmp_path / "none").pools[1].name


@pytest.mark.parametrize("total", [None, "", "lots", "-1"])
def test_memory_that_is_not_told(tmp_path: Path, names: Path, total: str | None) -> None:
    """The card is left out with a reason, the other stays with its number."""
    broken = card(tmp_path, 0, "0000:01:00.0")
    if total is not None:
        (broken / "mem_info_vram_total").write_text(total)
    card(tmp_path, 1, "0000:02:00.0", **memory(8 * GIB, 0, 0))
    reading = amd.read(0, tmp_path, names)
    assert ["rocm:1"] == [pool.id for pool in reading.pools]
    (trouble,) = reading.troubles
    assert trouble.startswith(
        "the AMD card at 0000:01:00.0 is left out: its driver (amdgpu) does not tell its memory ("
    )
    assert ("the AMD card at 0000:01:00.0",) == reading.unmeasured


def test_no_cards(tmp_path: Path) -> None:
    """A machine without graphics has nothing to complain of."""
    assert ((), ()) == (amd.read(0, tmp_path).pools, amd.read(0, tmp_path).troubles)
