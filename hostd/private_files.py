"""Folders and files that only the daemon's own user may read: names of models and clients, and what is known of engines.

Modes are given with each file instead of by a umask, which engines would inherit. Nothing is opened through a link, and a named
pipe in a file's place keeps nobody waiting.
"""

import errno
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

_FOLDER, _FILE, _OTHERS = 0o700, 0o600, 0o077


def make_private_folder(folder: Path) -> None:
    """Make *folder*, and those above it that are missing, for this user alone; *folder* is closed to others if it is this user's.

    Raises:
        OSError: It cannot be made.
    """
    # `Path.mkdir` gives its mode to the last folder only.
    for above in reversed([each for each in folder.parents if not each.exists()]):
        above.mkdir(mode=_FOLDER, exist_ok=True)
    folder.mkdir(mode=_FOLDER, exist_ok=True)
    about = folder.stat()
    # A sticky folder, as /tmp, is shared on purpose.
    if about.st_mode & _OTHERS and about.st_uid == os.geteuid() and not about.st_mode & stat.S_ISVTX:
        folder.chmod(_FOLDER)


def open_private(path: Path, flags: int) -> int:
    """Return a descriptor of the regular file at *path*, opened with *flags*; a mode that lets others in is narrowed.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _FILE)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))  # noqa: TRY301 - the descriptor is closed below
        if about.st_mode & _OTHERS and about.st_uid == os.geteuid():
            # A read-only disk must not keep the file from being read.
            with suppress(OSError):
                os.fchmod(descriptor, _FILE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_private(path: Path, content: str) -> None:
    """Write *content* beside *path* and rename it, so that the file there is whole at all times.

    Raises:
        OSError: It cannot be written; nothing of it is left behind.
    """
    draft = path.with_name(f"{path.stem}.tmp")
    try:
        # What lies there is a dead daemon's, or a trap.
        draft.unlink(missing_ok=True)
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def why_unwritable(folder: Path) -> str | None:
    """Return why no file can be written in *folder*, which is made if need be, None where one can."""
    # The parts of a daemon that share a folder may ask at once.
    probe = folder / f".try-{os.getpid()}-{threading.get_ident()}"
    try:
        make_private_folder(folder)
        write_private(probe, "hostd")
        probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None
