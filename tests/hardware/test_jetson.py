"""Jetson's graphics, by recorded device trees."""

from pathlib import Path

import pytest

from hostd.domain.host import Pool, PoolKind
from hostd.hardware import jetson
from hostd.hardware.reading import Reading

GIB = 2**30
BOARDS = [
    (
        "NVIDIA Jetson AGX Orin Developer Kit",
        "nvidia,p3737-0000+p3701-0005\0nvidia,p3701-0005\0nvidia,tegra234\0",
        "8.7",
    ),
    ("NVIDIA Jetson AGX Xavier", "nvidia,p2972-0000\0nvidia,tegra194\0", "7.2"),
    ("NVIDIA Jetson AGX Thor Developer Kit", "nvidia,p4071-0000+p3834-0008\0nvidia,tegra264\0", "11.0"),
]


def memory() -> Pool:
    """Return what a board of 32 GiB has."""
    return Pool("ram", PoolKind.RAM, "Main memory", 30 * GIB, 25 * GIB, 24 * GIB, facts=(("machine_bytes", "1"),))


def board(root: Path, model: str, compatible: str) -> Path:
    """Write a device tree, and a device of the graphics."""
    tree = root / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(model.encode() + b"\0")
    (tree / "compatible").write_bytes(compatible.encode())
    return root


@pytest.mark.parametrize(("model", "compatible", "capability"), BOARDS)
def test_a_board_has_the_systems_memory(tmp_path: Path, model: str, compatible: str, capability: str) -> None:
    """Its graphics are a pool of the kind unified, with a name and what CUDA programs ask for."""
    root = board(tmp_path, model, compatible)
    (root / "dev/nvgpu").mkdir(parents=True)
    reading = jetson.read(memory, root)
    (pool,) = reading.pools
    assert ("cuda:0", PoolKind.UNIFIED, model) == (pool.id, pool.kind, pool.name)
    assert (30 * GIB, 25 * GIB, 24 * GIB) == (pool.total, pool.free, pool.budget)
    assert {"compute_capability": capability, "shares_main_memory": "yes", "machine_bytes": "1"} == dict(pool.facts)
    assert () == reading.troubles


def test_a_container_without_the_graphics(tmp_path: Path) -> None:
    """What is not given cannot be used, and how it is given is said."""
    reading = jetson.read(memory, board(tmp_path, *BOARDS[0][:2]))
    assert ((), True) == (reading.pools, "run the container with '--runtime nvidia'" in reading.absences[0])


@pytest.mark.parametrize("compatible", [None, "raspberrypi,5-model-b\0brcm,bcm2712\0", ""])
def test_another_machine_is_no_jetson(tmp_path: Path, compatible: str | None) -> None:
    """Nothing is said of it."""
    root = tmp_path if compatible is None else board(tmp_path, "Raspberry Pi 5", compatible)
    assert Reading() == jetson.read(memory, root)
