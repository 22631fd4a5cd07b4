"""One daemon at a time has a state folder."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hostd.domain.errors import HostdError
from hostd.supervisor.process.state_lock import holder_of, state_locked

HOLDER = """
import signal, sys
from pathlib import Path
from hostd.supervisor.process.state_lock import state_locked
with state_locked(Path(sys.argv[1])) as locked:
    print(locked, flush=True)
    signal.pause()
"""


def test_a_second_daemon_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    """The message names the folder and the process; after kill -9 of the first, the folder is free."""
    folder = tmp_path / "state"
    with subprocess.Popen((sys.executable, "-c", HOLDER, str(folder)), stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert "True" == first.stdout.readline().strip()
        with pytest.raises(HostdError) as refused, state_locked(folder):
            pass
        assert str(folder) in refused.value.message
        if sys.platform == "linux":
            assert f"pid {first.pid}" in refused.value.message
        first.send_signal(signal.SIGKILL)
        first.wait()
        with state_locked(folder) as locked:
            assert locked
    with state_locked(folder) as locked:
        assert locked
    assert [] == list(folder.iterdir())
    assert 0o700 == folder.stat().st_mode & 0o777


def test_serves_without_a_lock_where_there_can_be_no_folder(tmp_path: Path) -> None:
    """A state folder that cannot be made is no reason not to serve."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "state", tmp_path / "file"):
        with capture_logs() as logged, state_locked(folder) as locked:
            assert not locked
        # That it cannot be locked either has the same cause.
        (told,) = logged
        assert "state_not_kept" == told["event"]
        assert str(folder) == told["path"]
        assert "measurements" in told["lost"]


def test_serves_without_a_lock_where_the_file_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network disk: that is told, and what can be kept is kept."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("hostd.supervisor.process.state_lock.fcntl.flock", no_locks)
    with capture_logs() as logged, state_locked(tmp_path / "state") as locked:
        assert not locked
    assert ["state_not_locked"] == [entry["event"] for entry in logged]


def test_the_holder_is_found_by_the_files_number(tmp_path: Path) -> None:
    """Waiting processes and other kinds of locks are passed over."""
    about = os.stat(tmp_path)  # noqa: PTH116 - a result to compare with
    file = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    locks = tmp_path / "locks"
    locks.write_text(
        f"1: POSIX ADVISORY WRITE 5 {file} 0 EOF\n"
        f"2: -> FLOCK ADVISORY WRITE 8 {file} 0 EOF\n"
        f"3: FLOCK ADVISORY WRITE 7 {file} 0 EOF\n"
    )
    assert 7 == holder_of(about, locks)
    locks.write_text("nonsense\n1: FLOCK ADVISORY WRITE x y z\n")
    assert holder_of(about, locks) is None
    assert holder_of(about, tmp_path / "none") is None
