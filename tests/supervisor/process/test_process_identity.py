"""A process is the same as long as it lives, and no other ever is."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from hostd.supervisor.process import process_identity
from hostd.supervisor.process.process_identity import boot_id, bsd_start, is_same, start_of


def test_this_process_is_itself() -> None:
    """The start can be told, and stays as it is."""
    start = start_of(os.getpid())
    assert start
    assert is_same(os.getpid(), start) is True
    assert is_same(os.getpid(), start + "0") is False
    assert is_same(1 << 22, start) is None


def test_the_boot_has_an_id() -> None:
    """It is there, and the same for everybody who asks."""
    said = subprocess.run(
        (sys.executable, "-c", "from hostd.supervisor.process.process_identity import boot_id; print(boot_id())"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert boot_id()
    assert boot_id() == said.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="a zombie cannot be waited for without being reaped")
def test_a_zombie_has_ended() -> None:
    """A process that only its parent has not asked about yet is not alive."""
    with subprocess.Popen((sys.executable, "-I", "-S", "-c", ""), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert start_of(process.pid) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the files of Linux")
@pytest.mark.parametrize("name", ["(hostd)", "(a b)", "(a) S 1 (b)"])
def test_names_of_programs_confuse_nothing(name: str, tmp_path: Path) -> None:
    """The second field of the file may hold spaces and brackets."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(f"7 {name} S " + " ".join(str(number) for number in range(4, 53)))
    assert "22" == start_of(7, tmp_path)


def test_a_boot_without_id_is_nameless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the system does not say, all boots look alike."""
    if sys.platform == "darwin":
        pytest.skip("asks the system by another way")
    monkeypatch.setattr(process_identity, "_BOOT_ID", tmp_path / "none")
    assert "" == boot_id.__wrapped__()


def test_reads_what_macos_says_of_a_process() -> None:
    """Seconds and microseconds stand at the end of a record of 136 bytes."""
    assert "1790000000.000042" == bsd_start(bytes(120) + struct.pack("=QQ", 1790000000, 42))
