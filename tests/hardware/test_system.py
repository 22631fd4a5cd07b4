"""Main memory, and what control groups leave of it."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from hostd.domain.host import PoolKind
from hostd.hardware import system

MIB = 2**20
V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"


def tree(root: Path, **files: object) -> Path:
    """Write files below *root*; in their names, ``__`` is a slash and the rest is as it stands."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def put(root: Path, group: str, **files: object) -> None:
    """Write the files of one control group; an underscore after ``memory`` is a dot."""
    tree(root / group, **{name.replace("memory_", "memory.", 1): content for name, content in files.items()})


def test_the_whole_machine(tmp_path: Path) -> None:
    """Without control groups, all of main memory is the pool, and the reserve is taken off."""
    total = psutil.virtual_memory().total
    pool = system.read(64 * MIB, tmp_path)
    assert ("ram", PoolKind.RAM, total, total - 64 * MIB) == (pool.id, pool.kind, pool.total, pool.budget)
    assert 0 < pool.free <= total
    assert (("machine_bytes", str(total)),) == pool.facts


def test_version_2(tmp_path: Path) -> None:
    """The tightest limit among the parents holds, and file cache that the kernel can drop counts as free."""
    tree(tmp_path, proc__self__cgroup="0::/user.slice/hostd.service")
    put(tmp_path, f"{V2}/user.slice/hostd.service", memory_max="max", memory_high=100 * MIB, memory_current=90 * MIB)
    put(tmp_path, f"{V2}/user.slice/hostd.service", memory_stat=f"anon 1\ninactive_file {30 * MIB}\nfile 2")
    put(tmp_path, f"{V2}/user.slice", memory_max=200 * MIB, memory_high="max", memory_current=170 * MIB)
    pool = system.read(10 * MIB, tmp_path)
    assert (100 * MIB, 30 * MIB, 90 * MIB) == (pool.total, pool.free, pool.budget)
    assert str(tmp_path / V2 / "user.slice/hostd.service") == dict(pool.facts)["cgroup"]


def test_version_1(tmp_path: Path) -> None:
    """The older files say the same; a number near the largest means no limit."""
    tree(tmp_path, proc__self__cgroup="5:cpu,cpuacct:/a\n4:memory:/docker/abc\n0::/")
    put(tmp_path, f"{V1}/docker/abc", memory_limit_in_bytes=300 * MIB, memory_usage_in_bytes=250 * MIB)
    put(tmp_path, f"{V1}/docker/abc", memory_stat=f"total_inactive_file {30 * MIB}\ntotal_active_file {20 * MIB}")
    put(tmp_path, V1, memory_limit_in_bytes=9223372036854771712, memory_usage_in_bytes=7)
    pool = system.read(0, tmp_path)
    assert (300 * MIB, 100 * MIB) == (pool.total, pool.free)


def test_a_limit_filled_by_file_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache in use counts as free as cache out of use does: a container of 70 GiB with 0.7 GiB of programs has 67 to 70 left."""
    gib = 2**30
    machine = SimpleNamespace(total=78 * gib, available=76 * gib)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    tree(tmp_path, proc__self__cgroup="0::/")
    stat = {"anon": 0.7, "inactive_file": 51.1, "active_file": 15.7, "slab_reclaimable": 1.5}
    lines = "\n".join(f"{name} {int(size * gib)}" for name, size in stat.items())
    put(tmp_path, V2, memory_max=70 * gib, memory_current=int(69.55 * gib), memory_stat=lines)
    assert 67 * gib < system.read(0, tmp_path).free < 70 * gib


def test_inside_a_container(tmp_path: Path) -> None:
    """The group's path is the outside's and does not exist; the limit stands at the top."""
    tree(tmp_path, proc__self__cgroup="0::/../../outside")
    put(tmp_path, V2, memory_max=50 * MIB, memory_current=60 * MIB)
    pool = system.read(0, tmp_path)
    assert (50 * MIB, 0) == (pool.total, pool.free)


MOUNTED = "{number} 29 0:26 {shown} /sys/fs/cgroup{folder} ro,nosuid,nodev,noexec,relatime - {kind} {kind} rw{options}"


def mounted(kind: str, shown: str = "/", folder: str = "", options: str = "") -> str:
    """Return how a control group is mounted, as ``/proc/self/mountinfo`` tells it, among other mounts."""
    other = "21 1 0:20 / /proc rw,relatime shared:5 - proc proc rw"
    return f"{other}\n{MOUNTED.format(number=30, shown=shown, folder=folder, kind=kind, options=options)}\n\nodd line - cgroup2"


def test_a_group_within_the_one_that_a_container_shows(tmp_path: Path) -> None:
    """Docker on version 1: the path is the host's, the folder the container's, and what runs inside has groups of its own."""
    tree(tmp_path, proc__self__cgroup="9:memory:/docker/abc/inner\n1:name=systemd:/docker/abc/inner")
    tree(tmp_path, proc__self__mountinfo=mounted("cgroup", "/docker/abc", "/memory", ",memory"))
    put(tmp_path, V1, memory_limit_in_bytes=400 * MIB, memory_usage_in_bytes=100 * MIB)
    put(tmp_path, f"{V1}/inner", memory_limit_in_bytes=200 * MIB, memory_usage_in_bytes=50 * MIB)
    # A container within the container has a folder of the same name, and a limit that is not this process's.
    put(tmp_path, f"{V1}/docker", memory_limit_in_bytes=1 * MIB, memory_usage_in_bytes=0)
    pool = system.read(0, tmp_path)
    assert (200 * MIB, 150 * MIB) == (pool.total, pool.free)


def test_controllers_that_are_mounted_elsewhere(tmp_path: Path) -> None:
    """Older systems mount version 1 where they like, and version 2 beside it, without a controller of memory."""
    tree(tmp_path, proc__self__cgroup="3:cpu,memory:/job_5/step_0\n0::/system.slice")
    mounts = mounted("cgroup2", "/", "/unified"), mounted("cgroup", "/", "/cpu,memory", ",cpu,memory")
    tree(tmp_path, proc__self__mountinfo="\n".join(mounts))
    put(tmp_path, f"{V2}/cpu,memory/job_5", memory_limit_in_bytes=300 * MIB, memory_usage_in_bytes=100 * MIB)
    put(tmp_path, f"{V2}/cpu,memory/job_5/step_0", memory_limit_in_bytes=2**63 - 4096, memory_usage_in_bytes=0)
    pool = system.read(0, tmp_path)
    assert (300 * MIB, 200 * MIB) == (pool.total, pool.free)


def test_a_limit_of_parents_that_cannot_be_seen(tmp_path: Path) -> None:
    """Version 1 tells the tightest of all in a group's own statistics."""
    tree(tmp_path, proc__self__cgroup="4:memory:/lxc/box")
    tree(tmp_path, proc__self__mountinfo=mounted("cgroup", "/lxc/box", "/memory", ",memory"))
    put(tmp_path, V1, memory_limit_in_bytes=9223372036854771712, memory_usage_in_bytes=90 * MIB)
    put(tmp_path, V1, memory_stat=f"hierarchical_memory_limit {256 * MIB}\ntotal_active_file {40 * MIB}")
    pool = system.read(0, tmp_path)
    assert (256 * MIB, 206 * MIB) == (pool.total, pool.free)


def test_a_rootless_container_without_a_group_of_its_own(tmp_path: Path) -> None:
    """Its leaf says ``max`` or nothing at all; the limit is the one of the user's slice, further up."""
    scope = "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-abc.scope"
    tree(tmp_path, proc__self__cgroup=f"0::/{scope}/container", proc__self__mountinfo=mounted("cgroup2"))
    put(tmp_path, f"{V2}/{scope}/container", memory_max="max", memory_high="max", memory_current=30 * MIB)
    put(tmp_path, f"{V2}/{scope}", pids_max="2048")
    put(tmp_path, f"{V2}/user.slice/user-1000.slice", memory_max=500 * MIB, memory_current=120 * MIB)
    put(tmp_path, f"{V2}/user.slice/user-1000.slice", memory_stat=f"anon 7\nactive_file {20 * MIB}")
    pool = system.read(0, tmp_path)
    assert (500 * MIB, 400 * MIB) == (pool.total, pool.free)
    assert str(tmp_path / V2 / "user.slice/user-1000.slice") == dict(pool.facts)["cgroup"]


def test_lxcfs_cuts_the_machine_down_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group's own numbers count then: ``/proc/meminfo`` takes all cache for free, shared memory, too."""
    machine = SimpleNamespace(total=800 * MIB, available=790 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    tree(tmp_path, proc__self__cgroup="0::/init.scope", proc__self__mountinfo=mounted("cgroup2"))
    put(tmp_path, V2, memory_max=800 * MIB, memory_current=700 * MIB, memory_stat=f"inactive_file {100 * MIB}")
    put(tmp_path, f"{V2}/init.scope", memory_max="max", memory_current=5 * MIB)
    pool = system.read(0, tmp_path)
    assert (800 * MIB, 200 * MIB) == (pool.total, pool.free)


@pytest.mark.parametrize("line", ["", "0::/", "nonsense", "0::/gone", "4:memory", ":::::"])
def test_groups_that_say_nothing(tmp_path: Path, line: str) -> None:
    """No limit is read where none is written."""
    tree(tmp_path, proc__self__cgroup=line)
    put(tmp_path, V2, memory_max="max")
    assert psutil.virtual_memory().total == system.read(0, tmp_path).total


def test_a_limit_above_the_machine_is_none(tmp_path: Path) -> None:
    """What is allowed and not there is not counted."""
    tree(tmp_path, proc__self__cgroup="0::/")
    put(tmp_path, V2, memory_max=2**55, memory_current=0)
    assert psutil.virtual_memory().total == system.read(0, tmp_path).total


def test_the_reserve_may_be_more_than_there_is(tmp_path: Path) -> None:
    """Then models may hold nothing, rather than less than nothing."""
    assert 0 == system.read(2**60, tmp_path).budget


def test_the_machine_has_names() -> None:
    """The system, the processor, and all of main memory."""
    machine = system.describe()
    assert (True, True, psutil.virtual_memory().total) == (bool(machine.os), bool(machine.cpu), machine.ram_bytes)
