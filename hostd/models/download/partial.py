"""Partial files of downloads: appended and summed on disk, and renamed only once the checksum is right."""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hostd.domain.units import format_bytes
from hostd.models.errors import DiskFull, ModelUnreadable


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file at *path* while the block lasts; *waiting* is called first where another process holds it.

    The lock ends with its process, however that ends, and the file is left: removing it would let two hold it at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


_BLOCK = 1 << 20
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your quota of it is used up"}
_TOO_LARGE = "no file may be that large there"


class PartialFile:
    """The first *count* bytes of a file that will have *size*; what an earlier attempt left at *path* is resumed.

    *joined* says that the bytes came in several attempts, and may be of different files.
    """

    def __init__(self, path: Path, size: int, sha256: str) -> None:
        self.path = path
        self.size = size
        self.count = 0
        self.joined = False
        self._sha256 = sha256
        self._sum = hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # A link or a pipe at this path would lead the bytes elsewhere.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o644)
        except OSError as error:
            raise ModelUnreadable(
                f"{path} cannot be written: {error.strerror}; remove it, or give this user access"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def take_up(self) -> None:
        """Sum the bytes already on disk; a file longer than *size* is discarded."""
        about = os.fstat(self._file)
        if not stat.S_ISREG(about.st_mode):
            raise ModelUnreadable(f"{self.path} is not a regular file; remove it")
        if about.st_size > self.size:
            os.ftruncate(self._file, 0)
        while block := os.read(self._file, _BLOCK):
            self._sum.update(block)
            self.count += len(block)
        self.joined = self.count > 0

    def append(self, block: bytes) -> None:
        """Append *block*.

        Raises:
            DiskFull: The disk is full; what is on it is kept.
        """
        rest = memoryview(block)
        while rest:
            try:
                written = os.write(self._file, rest)
            except OSError as error:
                if error.errno not in (*_FULL, errno.EFBIG):
                    raise
                raise DiskFull(
                    f"{self.path.parent}: {_FULL.get(error.errno, _TOO_LARGE)} after {format_bytes(self.count)} of "
                    f"{format_bytes(self.size)}; what came is kept: make room and run the same command to go on"
                ) from error
            self._sum.update(rest[:written])
            self.count += written
            rest = rest[written:]

    def restart(self) -> None:
        """Discard everything."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.count, self.joined, self._sum = 0, False, hashlib.sha256()

    def is_right(self) -> bool:
        """Return whether the whole file has the SHA-256 that was listed."""
        return self._sum.hexdigest() == self._sha256

    def finish(self, path: Path) -> None:
        """Give the file its name, in one step and after its bytes are safe on the disk."""
        os.fsync(self._file)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(path)
