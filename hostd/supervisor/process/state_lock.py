"""The lock on the state folder, which tells the daemon that it belongs to from one that was started beside it by mistake.

It is a lock of the folder itself, so that a full or read-only disk is no obstacle and no file is left behind; the system releases
it when the process ends, however it ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from hostd.domain.errors import HostdError
from hostd.private_files import make_private_folder, why_unwritable

_LOCKS = Path("/proc/locks")
log = structlog.get_logger()

_LOST = (
    "serving goes on, but records of requests and loads and measurements of memory end with this run; "
    "give this user a folder to write in (STATE_DIRECTORY)"
)


@contextmanager
def state_locked(folder: Path) -> Iterator[bool]:
    """Hold *folder*, which is made if need be; yield False, after a warning, where it cannot be locked at all.

    Raises:
        HostdError: Another daemon holds it.
    """
    descriptor, unlocked = None, ""
    try:
        make_private_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = _in_use(folder, descriptor)
        _close(descriptor)
        raise HostdError(message) from None
    except OSError as error:
        unlocked = error.strerror or str(error)
    if (why := why_unwritable(folder)) is not None:
        # The one warning about it: what else has this cause is not told again (`OrphanReaper.start`, `RecordWriter`).
        log.warning("state_not_kept", path=str(folder), why=why, lost=_LOST)
    elif unlocked:
        # A network file system may know no locks. Whose engines are whose is then told by pids alone.
        log.warning("state_not_locked", path=str(folder), error=unlocked)
    try:
        yield not unlocked
    finally:
        _close(descriptor)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _in_use(folder: Path, descriptor: int | None) -> str:
    holder = None if descriptor is None else holder_of(os.fstat(descriptor))
    who = "another hostd" if holder is None else f"another hostd (pid {holder})"
    return (
        f"{who} runs already with the state folder {folder}; stop it first, or give "
        "this one a folder of its own (STATE_DIRECTORY)"
    )


def holder_of(about: os.stat_result, locks: Path = _LOCKS) -> int | None:
    """Return the pid of the process that holds the lock on the file *about*, where the system lists locks (Linux)."""
    wanted = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    with suppress(OSError, ValueError):
        for line in locks.read_text("ascii").splitlines():
            words = line.split()
            # "1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF"; waiting ones have an arrow after the number.
            if len(words) >= 6 and words[1] == "FLOCK" and words[5] == wanted:
                return int(words[4])
    return None
