"""NVIDIA cards, through a driver library that is faked in C."""

import os

import psutil
import pytest

from hostd.domain.host import Holder, PoolKind
from hostd.hardware.nvidia_signs import card_on_bus
from hostd.hardware.reading import Reading
from tests.hardware.fake_driver import FakeDriver

MIB = 2**20
GIB = 2**30
HEAD = "driver 580.95.05\ncuda 13000\n"
RTX = "gpu NVIDIA GeForce RTX 4090;GPU-1111;00000000:01:00.0;24564;364;1024;8.9\n"
H200 = "gpu NVIDIA H200;GPU-2222;00000000:41:00.0;143771;616;0;9.0\n"
READ = """
import os
from pathlib import Path
from hostd.hardware.nvidia import Cards
cards, readings = Cards(), []
for text in given:
    Path(os.environ["FAKE_NVML"]).write_text(text)
    readings.append(cards.read(1 << 30))
answer = readings, repr(cards)
"""


def read(driver: FakeDriver, *texts: str) -> list[Reading]:
    """Return what one process reads while the driver changes from each of *texts* to the next."""
    readings: list[Reading] = driver.run(READ, *texts)[0]
    return readings


def test_two_cards(driver: FakeDriver) -> None:
    """Each is a pool; what the driver keeps for itself is not for models, and the facts are there for engines' rules."""
    (reading,) = read(driver, HEAD + RTX + H200)
    rtx, h200 = reading.pools
    assert () == reading.troubles
    assert ("cuda:0", PoolKind.VRAM, "NVIDIA GeForce RTX 4090") == (rtx.id, rtx.kind, rtx.name)
    assert (24564 * MIB, 23176 * MIB, 24200 * MIB - GIB) == (rtx.total, rtx.free, rtx.budget)
    assert ("cuda:1", "NVIDIA H200", 143155 * MIB) == (h200.id, h200.name, h200.free)
    assert {
        "compute_capability": "8.9",
        "driver": "580.95.05",
        "cuda": "13.0",
        "pci_bus_id": "00000000:01:00.0",
        "uuid": "GPU-1111",
    } == dict(rtx.facts)


def test_everybody_who_holds_memory_is_seen(driver: FakeDriver) -> None:
    """Programs that compute, draw, or share the card, ours or not: once each, largest first, with names where known."""
    held = (
        "proc 0 C 9000041 700\nproc 0 G 9000041 700\nproc 0 G 9000042 90\nproc 0 M 9000043 800\nproc 0 C 9000044 -1\n"
    )
    names = "name 9000041 /usr/bin/game --now\nname 9000043 server\n"
    (reading,) = read(driver, f"{HEAD}{RTX}{H200}{held}{names}proc 1 C {os.getpid()} 5\n")
    assert (
        Holder(9000043, "server", 800 * MIB),
        Holder(9000041, "/usr/bin/game --now", 700 * MIB),
        Holder(9000042, "?", 90 * MIB),
        Holder(9000044, "?", None),
    ) == reading.pools[0].holders
    assert (Holder(os.getpid(), psutil.Process().name(), 5 * MIB),) == reading.pools[1].holders


def test_links_between_cards(driver: FakeDriver) -> None:
    """The fact lists the cards that a card reaches over NVLink, and no other."""
    third = RTX.replace("1111", "3333")
    (reading,) = read(driver, HEAD + RTX + H200 + third + "link 0 2\n")
    assert ["cuda:2", None, "cuda:0"] == [dict(pool.facts).get("nvlink") for pool in reading.pools]


def test_slices_are_pools(driver: FakeDriver) -> None:
    """With MIG the card itself is no pool; compute instances of one GPU instance share its memory and are one pool."""
    slices = (
        "migmode 1\n"
        "mig 1;1;MIG-aaaa;NVIDIA H200 MIG 3g.71gb;71000;400\n"
        "mig 1;1;MIG-bbbb;NVIDIA H200 MIG 3g.71gb;71000;400\n"
        "mig 1;2;MIG-cccc;NVIDIA H200;18000;0\n"
        "migproc 0 7 300\nmigproc 1 8 100\nproc 1 C 9 400\n"
    )
    (reading,) = read(driver, HEAD + RTX + H200 + slices)
    assert () == reading.troubles
    _, first, second = reading.pools
    assert ("cuda:1:mig0", "NVIDIA H200 MIG 3g.71gb", 71000 * MIB) == (first.id, first.name, first.total)
    assert (70600 * MIB, 71000 * MIB - GIB) == (first.free, first.budget)
    assert [7, 8] == [holder.pid for holder in first.holders]
    assert ("MIG-aaaa", "2") == (dict(first.facts)["uuid"], dict(first.facts)["mig_compute_instances"])
    assert ("cuda:1:mig1", "NVIDIA H200 MIG slice", ()) == (second.id, second.name, second.holders)


def test_mig_without_slices(driver: FakeDriver) -> None:
    """Nothing can run on such a card; the owner is told how to change that, and the other card stays."""
    (reading,) = read(driver, HEAD + RTX + H200 + "migmode 1\n")
    assert ["cuda:0"] == [pool.id for pool in reading.pools]
    assert "cuda:1 (NVIDIA H200) is left out: MIG is on but it has no slices" in reading.troubles[0]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (4, "this user may not ask the driver"),
        (9, "the driver is installed but not loaded; load it with 'modprobe nvidia'"),
        (13, "the driver is too old for this question; update it"),
        (17, "the operating system refused, as a container without the card's devices does"),
        (18, "the driver's library and kernel module are of different versions, as after an update; restart"),
        (20, "the driver says: Insufficient Memory; look for 'NVRM' in the kernel's log"),
        (777, "the driver says: fault 777; look for 'NVRM' in the kernel's log"),
        (999, "the driver says: Unknown Error; look for 'NVRM' in the kernel's log"),
    ],
)
def test_a_driver_that_does_not_start(driver: FakeDriver, code: int, why: str) -> None:
    """There are no pools and one sentence; when the driver is mended, the next reading has its cards."""
    broken, mended = read(driver, f"{HEAD}{RTX}fail nvmlInitWithFlags {code}\n", HEAD + RTX)
    assert ((), 1) == (broken.pools, len(broken.troubles))
    assert f"NVIDIA cards cannot be measured: {why}" in broken.troubles[0]
    assert (1, ()) == (len(mended.pools), mended.troubles)


def test_no_driver_at_all(no_driver: FakeDriver) -> None:
    """The library is missing: a sentence, every time; a trouble only where there is a card that it would be for."""
    for reading in read(no_driver, "", ""):
        assert () == reading.pools
        (said,) = reading.troubles if card_on_bus() else reading.absences
        assert "there is no driver library (libnvidia-ml.so.1) on this machine" in said


@pytest.mark.parametrize(
    ("function", "code", "said"),
    [
        ("nvmlDeviceGetHandleByIndex", 4, "the NVIDIA card at index 0 does not answer: this user may not ask"),
        ("nvmlDeviceGetUUID", 15, "the NVIDIA card at index 0 does not answer: it has fallen off the bus"),
        ("nvmlDeviceGetMemoryInfo", 3, "cuda:0 (NVIDIA GeForce RTX 4090) is left out: the driver does not tell this"),
        ("nvmlDeviceGetMemoryInfo", 15, "cuda:0 (NVIDIA GeForce RTX 4090) is left out: it has fallen off the bus"),
        ("nvmlDeviceGetMemoryInfo", 16, "cuda:0 (NVIDIA GeForce RTX 4090) is left out: it needs a reset"),
        ("nvmlDeviceGetMemoryInfo", 10, "cuda:0 (NVIDIA GeForce RTX 4090) is left out: the driver did not answer in"),
    ],
)
def test_one_card_fails(driver: FakeDriver, function: str, code: int, said: str) -> None:
    """It is left out with a reason; the other stays, under its own number, and so it is when the first comes back."""
    text = HEAD + RTX + H200
    broken, mended = read(driver, f"{text}fail {function} {code} 0\n", text)
    assert ["cuda:1"] == [pool.id for pool in broken.pools]
    assert [said] == [trouble[: len(said)] for trouble in broken.troubles]
    assert (["cuda:0", "cuda:1"], ()) == ([pool.id for pool in mended.pools], mended.troubles)


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        "nvmlSystemGetDriverVersion",
        "nvmlSystemGetCudaDriverVersion",
        "nvmlDeviceGetCudaComputeCapability",
        "nvmlDeviceGetPciInfo",
        "nvmlDeviceGetP2PStatus",
        "nvmlDeviceGetMigMode",
        "nvmlDeviceGetGraphicsRunningProcesses",
        "nvmlDeviceGetMPSComputeRunningProcesses",
        "nvmlSystemGetProcessName",
    ],
)
def test_facts_may_be_missing(driver: FakeDriver, function: str) -> None:
    """Facts that a driver does not report are left out; the pool is there nevertheless."""
    (reading,) = read(driver, f"{HEAD}{RTX}{H200}proc 0 C 41 7\nlink 0 1\nfail {function} 3\n")
    assert (["cuda:0", "cuda:1"], ()) == ([pool.id for pool in reading.pools], reading.troubles)
    assert [41] == [holder.pid for holder in reading.pools[0].holders]


@pytest.mark.slow
@pytest.mark.parametrize("code", [3, 4, 13])
def test_holders_that_are_not_told(driver: FakeDriver, code: int) -> None:
    """The pool stays, with its sum, and the owner knows that names are missing."""
    (reading,) = read(driver, f"{HEAD}{RTX}proc 0 C 41 7\nfail nvmlDeviceGetComputeRunningProcesses {code}\n")
    assert ((), 23176 * MIB) == (reading.pools[0].holders, reading.pools[0].free)
    assert ["cuda:0: who holds its memory cannot be told"] == [trouble[:43] for trouble in reading.troubles]


def test_a_card_that_vanishes(driver: FakeDriver) -> None:
    """The other keeps its number, though it is the first now; a newcomer takes no number that is known."""
    new = RTX.replace("1111", "4444")
    both, one, back, three = read(driver, HEAD + RTX + H200, HEAD + H200, HEAD + RTX + H200, HEAD + new + RTX + H200)
    assert (["cuda:0", "cuda:1"], ()) == ([pool.id for pool in both.pools], both.troubles)
    assert [("cuda:1", "NVIDIA H200")] == [(pool.id, pool.name) for pool in one.pools]
    assert ["cuda:0 (NVIDIA GeForce RTX 4090) has vanished: it answered earlier and does not now"] == [
        trouble.partition(";")[0] for trouble in one.troubles
    ]
    assert both == back
    assert ["cuda:2", "cuda:0", "cuda:1"] == [pool.id for pool in three.pools]


def test_all_cards_vanish_with_the_driver(driver: FakeDriver) -> None:
    """A driver that was taken out while it ran costs its cards and nothing else."""
    _, gone = read(driver, HEAD + RTX, f"{HEAD}{RTX}fail nvmlDeviceGetCount 1\n")
    failed, vanished = gone.troubles
    assert () == gone.pools
    assert failed.startswith("NVIDIA cards cannot be measured: ")
    assert vanished.startswith("cuda:0 (NVIDIA GeForce RTX 4090) has vanished")


def test_an_old_driver(old_driver: FakeDriver) -> None:
    """Functions that the driver lacks are called in their older form, or skipped."""
    (reading,) = read(old_driver, f"driver 470.57.02\ncuda 11040\n{RTX}migmode 0\nproc 0 C 41 700\n")
    (pool,) = reading.pools
    assert ((), (24564 - 1024 - 364) * MIB, 24564 * MIB - GIB) == (reading.troubles, pool.free, pool.budget)
    assert ([41], "11.4") == ([holder.pid for holder in pool.holders], dict(pool.facts)["cuda"])


@pytest.mark.slow
def test_the_driver_stays_open(driver: FakeDriver) -> None:
    """It is opened once for many readings, and let go of when a card fails."""
    assert "<Cards open, 2 seen>" == driver.run(READ, HEAD + RTX + H200, HEAD + RTX + H200)[1]
    assert "<Cards closed, 2 seen>" == driver.run(READ, HEAD + RTX + H200, HEAD + RTX)[1]


SHARING = """
import os
from pathlib import Path
from hostd.domain.host import Pool, PoolKind
from hostd.hardware.nvidia import Cards
Path(os.environ["FAKE_NVML"]).write_text(given[0])
main = Pool("ram", PoolKind.RAM, "Main memory", 120 << 30, 100 << 30, 114 << 30)
answer = Cards().read(1 << 30, lambda: main)
"""


def test_an_integrated_device_has_the_systems_memory(driver: FakeDriver) -> None:
    """A driver that tells no size (GB10, Jetson) does not make the device vanish: not measured is not absent."""
    gb10 = "gpu NVIDIA GB10;GPU-10;0000000F:01:00.0;0;0;0;12.1\nfail nvmlDeviceGetMemoryInfo 3\n"
    reading: Reading = driver.run(SHARING, HEAD + gb10)
    (pool,) = reading.pools
    assert () == reading.troubles
    assert ("cuda:0", PoolKind.UNIFIED, "NVIDIA GB10") == (pool.id, pool.kind, pool.name)
    assert (120 * GIB, 100 * GIB, 114 * GIB) == (pool.total, pool.free, pool.budget)
    assert ("12.1", "yes") == (dict(pool.facts)["compute_capability"], dict(pool.facts)["shares_main_memory"])


DISCRETE = "gpu NVIDIA A16-8Q;GPU-77;00000000:02:00.0;8192;300;0;8.6\n"


def test_a_card_that_lets_no_program_in(driver: FakeDriver) -> None:
    """It is left out with what to do, and the other stays; one that lets a single program in is used, and says so."""
    (reading,) = read(driver, HEAD + RTX + H200 + "mode 0 2\nmode 1 3\n")
    assert ["cuda:1"] == [pool.id for pool in reading.pools]
    closed, single = reading.troubles
    assert "cuda:0 (NVIDIA GeForce RTX 4090) is left out: its compute mode is Prohibited" in closed
    assert "cuda:1 (NVIDIA H200) lets one program at a time compute" in single
    assert () == reading.unmeasured


def test_mps_shares_an_exclusive_card(driver: FakeDriver) -> None:
    """With its server there, several programs compute on the card; what that costs is told by the inventory alone."""
    server = "proc 0 M 9000050 30\nname 9000050 /usr/bin/nvidia-cuda-mps-server\n"
    (reading,) = read(driver, HEAD + RTX + "mode 0 3\n" + server)
    assert () == reading.troubles
    assert "cuda:0 (NVIDIA GeForce RTX 4090) is shared through MPS" in reading.absences[0]


def test_a_virtual_card(driver: FakeDriver) -> None:
    """Its driver tells of no processes, which is nothing amiss; a profile without CUDA is no card for models."""
    virtual = "virtual 0 2\nfail nvmlDeviceGetComputeRunningProcesses 3\n"
    (reading,) = read(driver, HEAD + DISCRETE + virtual)
    assert (["cuda:0"], ()) == ([pool.id for pool in reading.pools], reading.troubles)
    assert ["who holds its memory cannot be told", "is a part of a card (vGPU)"] == [
        said
        for said in ("who holds its memory cannot be told", "is a part of a card (vGPU)")
        if said in " ".join(reading.absences)
    ]
    (desktop,) = read(driver, HEAD + DISCRETE.replace("8Q", "2B") + virtual)
    assert ((), True) == (desktop.pools, "has no CUDA; ask for one that ends in Q or C" in desktop.troubles[0])


def test_slices_are_seen_one_at_a_time(driver: FakeDriver) -> None:
    """Where a card has several, the inventory says that no model is split over them."""
    slices = "migmode 0\nmig 0;1;MIG-a;NVIDIA H200 MIG 3g.71gb;71000;0\nmig 0;2;MIG-b;NVIDIA H200 MIG 3g.71gb;71000;0\n"
    (reading,) = read(driver, HEAD + H200 + slices)
    assert ("cuda:0:mig0", "cuda:0:mig1") == tuple(pool.id for pool in reading.pools)
    assert ((), True) == (reading.troubles, "cuda:0 is cut into 2 slices (MIG)" in reading.absences[0])


def test_a_card_that_is_slow_to_answer(driver: FakeDriver) -> None:
    """One that was measured counts as full until it answers again; of another, at least it is known that it is there."""
    slow = f"{HEAD}{RTX}fail nvmlDeviceGetMemoryInfo 10\n"
    before, silent, after = read(driver, HEAD + RTX, slow, HEAD + RTX)
    assert (before.pools[0].budget, 0) == (silent.pools[0].budget, silent.pools[0].free)
    assert "counts as full until it answers: the driver did not answer in time" in silent.troubles[0]
    assert before == after
    (never,) = read(driver, slow)
    assert ((), ("cuda:0 (NVIDIA GeForce RTX 4090)",)) == (never.pools, never.unmeasured)


@pytest.mark.parametrize(("code", "there"), [(3, True), (4, True), (999, True), (15, False), (16, False)])
def test_not_measured_is_not_not_there(driver: FakeDriver, code: int, there: bool) -> None:
    """A card whose memory is not told is there; one that has fallen off the bus, or needs a reset, cannot be used."""
    (reading,) = read(driver, f"{HEAD}{RTX}fail nvmlDeviceGetMemoryInfo {code}\n")
    assert ((), there) == (reading.pools, bool(reading.unmeasured))


AWAITED = """
import os
from pathlib import Path
from hostd.hardware.nvidia import Cards
Path(os.environ["FAKE_NVML"]).write_text(given[0])
answer = Cards(on_bus=lambda: given[1]).read(1 << 30)
"""


@pytest.mark.parametrize(
    ("code", "on_bus", "awaited"),
    [(9, True, True), (999, True, True), (9, False, False), (18, True, False), (4, True, False)],
)
def test_a_driver_that_may_come_up_is_awaited(driver: FakeDriver, code: int, on_bus: bool, awaited: bool) -> None:
    """One that is not loaded yet; not where there is no card, nor where it takes a restart of the machine, or rights."""
    reading: Reading = driver.run(AWAITED, f"{HEAD}{RTX}fail nvmlDeviceGetCount {code}\n", on_bus)
    assert ((), True, awaited) == (reading.pools, bool(reading.unmeasured), bool(reading.awaited))


def test_an_integrated_device_without_an_identity(driver: FakeDriver) -> None:
    """Neither a name nor an identity is needed for a device that has the system's memory (Jetson Orin)."""
    orin = "gpu Orin (nvgpu);GPU-0;00000000:00:00.0;0;0;0;8.7\n"
    silent = "".join(
        f"fail {each} 3\n" for each in ("nvmlDeviceGetUUID", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo")
    )
    processes = "fail nvmlDeviceGetComputeRunningProcesses 3\n"
    reading: Reading = driver.run(SHARING, HEAD + orin + silent + processes)
    (pool,) = reading.pools
    assert ("cuda:0", PoolKind.UNIFIED, "8.7") == (pool.id, pool.kind, dict(pool.facts)["compute_capability"])
    assert ((), ()) == (reading.troubles, reading.unmeasured)


WINDOWS = """
import os
from pathlib import Path
from hostd.hardware.nvidia import Cards
Path(os.environ["FAKE_NVML"]).write_text(given[0])
answer = Cards(on_windows=lambda: True).read(1 << 30)
"""


def test_a_card_of_windows(driver: FakeDriver) -> None:
    """A Linux in Windows is told what it shares; nothing of it is a trouble."""
    reading: Reading = driver.run(WINDOWS, HEAD + RTX)
    assert (1, ()) == (len(reading.pools), reading.troubles)
    assert "this is a Linux in Windows (WSL2)" in reading.absences[-1]
