"""One at a time, across processes."""

import errno
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from hostd.models.download.partial import exclusive

HOLD = """
import sys, pathlib
from hostd.models.download.partial import exclusive
with exclusive(pathlib.Path(sys.argv[1]), lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_waits_for_the_first_to_end(tmp_path: Path) -> None:
    """It says so once, and goes on when the other process lets go."""
    path, waits, done = tmp_path / "locks" / "a.lock", Event(), Event()

    def second() -> None:
        with exclusive(path, waits.set):
            done.set()

    first = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert b"held\n" == first.stdout.readline()
    thread = Thread(target=second, daemon=True)
    thread.start()
    assert waits.wait(10)
    assert not done.is_set()
    first.communicate(timeout=10)
    assert done.wait(10)
    thread.join(10)


def test_a_lock_without_a_holder_is_free(tmp_path: Path) -> None:
    """The file stays behind and blocks no later process, nor does a process that was killed."""
    path, waits = tmp_path / "a.lock", list[bool]()
    for _ in range(2):
        with exclusive(path, lambda: waits.append(True)):
            assert path.exists()
    assert [] == waits


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    """The target of a link there is not created or opened."""
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError) as refused, exclusive(tmp_path / "a.lock", lambda: None):  # noqa: PT011 - by its number
        pass
    assert errno.ELOOP == refused.value.errno
    assert not (tmp_path / "elsewhere").exists()
