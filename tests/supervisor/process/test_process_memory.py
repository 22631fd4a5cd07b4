"""What real processes hold of main memory, and what a driver says of them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostd.domain.host import Holder, Pool, PoolKind
from hostd.supervisor.process import process_memory
from hostd.supervisor.process.process_memory import measure, members

MIB = 1 << 20
RAM = Pool("ram", PoolKind.RAM, "Main memory", 64 << 30, 60 << 30, 60 << 30)
METAL = Pool("metal", PoolKind.UNIFIED, "M2", 64 << 30, 60 << 30, 50 << 30)
FILLS = "held = bytearray(64 << 20); held[::4096] = b'x' * len(held[::4096]); print(flush=True); input()"
MAPS = """
import mmap, sys
with open(sys.argv[1], 'rb') as file:
    view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(view[::4096]); print(flush=True); input()
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], *sys.argv[2:]])"

Begin = Callable[..., int]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Start a process that runs Python code, in a session of its own unless told otherwise, and wait for its first line."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(code: str, *args: str, session: bool = True) -> int:
        command = [sys.executable, "-c", code, *args]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=session)
        begun.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process.pid

    yield start
    for process in begun:
        with process:
            process.communicate(b"\n")


def test_private_memory_counts_for_every_process(begin: Begin) -> None:
    """What a child holds is the engine's as well."""
    found = measure({"one": begin(FILLS), "two": begin(PARENT, FILLS)}, [RAM])
    assert {"one": 1, "two": 2} == {model: len(each.pids) for model, each in found.items()}
    for each in found.values():
        assert 64 * MIB < each.bytes["ram"] < 110 * MIB


def test_a_mapped_file_counts_once(begin: Begin, tmp_path: Path) -> None:
    """Two processes that map the same weights hold them together, and it is said that they are pages of a file."""
    weights = tmp_path / "weights"
    weights.write_bytes(os.urandom(32 * MIB))
    two = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {MAPS!r}, sys.argv[1]], stdin=0).pid;" + MAPS
    )
    (found,) = measure({"m": begin(two, str(weights))}, [RAM]).values()
    if sys.platform == "linux":
        assert 32 * MIB < found.of_files < 60 * MIB
    assert 32 * MIB < found.bytes["ram"] < 64 * MIB


def test_a_driver_tells_what_processes_hold_of_cards(begin: Begin) -> None:
    """Its list is matched with the engine's processes; strangers and unknown sizes do not count."""
    pid = begin(PARENT, FILLS)
    own = members({"m": pid})["m"]
    holders = (Holder(own[1], "engine", 5 << 30), Holder(own[0], "engine", None), Holder(1, "init", 7 << 30))
    card = Pool("cuda:0", PoolKind.VRAM, "card", 24 << 30, 10 << 30, 23 << 30, holders)
    other = Pool("cuda:1", PoolKind.VRAM, "card", 24 << 30, 24 << 30, 23 << 30, (Holder(own[0], "engine", None),))
    (found,) = measure({"m": pid}, [RAM, card, other]).values()
    assert {"ram", "cuda:0"} == set(found.bytes)
    assert 5 << 30 == found.bytes["cuda:0"]


def test_unified_memory_is_where_a_process_is_held(begin: Begin) -> None:
    """There is no main memory beside it."""
    (found,) = measure({"m": begin(FILLS)}, [METAL]).values()
    assert {"metal"} == set(found.bytes)


def test_an_adopted_server_is_counted_with_its_children(begin: Begin) -> None:
    """It leads no session, so its descendants are looked for."""
    pid = begin(PARENT, FILLS, session=False)
    (found,) = measure({"m": pid}, [RAM]).values()
    assert (2, pid) == (len(found.pids), found.pids[0])


def test_an_engine_that_ended_is_left_out(begin: Begin) -> None:
    """Its number may be given to another process."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert {} == measure({"m": process.pid}, [RAM])
    assert [os.getpid()] == process_memory.alive([process.pid, os.getpid()])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_look_costs_little(begin: Begin) -> None:
    """At one every five seconds it stays far below one per cent of a processor."""
    leaders = {str(number): begin("print(flush=True); input()") for number in range(3)}
    before = os.times()
    for _ in range(20):
        measure(leaders, [RAM])
    after = os.times()
    assert (after.user + after.system - before.user - before.system) / 20 < 0.01 * 5.0
