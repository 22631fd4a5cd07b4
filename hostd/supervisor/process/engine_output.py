"""The pipe that an engine's standard output and standard error share, so that their lines keep their order."""

import asyncio
import fcntl
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from hostd.supervisor.process.log_ring import LogRing

_CHUNK = 64 * 1024
_LASTING_BYTES = 1 << 20
"""What a lasting pipe holds where the system allows it: an engine that nobody reads must not wait for a reader soon."""
_LASTING = "output-{}"


class EngineOutput:
    """Reads an engine's output into *ring*; made by `opened` and `reopened` only.

    A lasting pipe has a name, *path*, and is held open by the engine itself: it can write on when its daemon has ended, and the
    next daemon goes on reading.
    """

    def __init__(self, ring: LogRing, ours: int, theirs: int = -1, path: Path | None = None) -> None:
        self.path = path
        self.theirs = theirs
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._ours = ours
        self._open = True
        os.set_blocking(ours, False)

    @classmethod
    def opened(cls, ring: LogRing, lasting: Path | None = None) -> "EngineOutput":
        """Return a new pipe, a *lasting* one in that folder; where none can be made there, it ends with this daemon.

        Raises:
            OSError: There is no pipe to be had.
        """
        path = None if lasting is None else _named_pipe(lasting)
        if path is None:
            return cls(ring, *os.pipe())
        # For reading, too: with a reader of its own, an engine is never told that there is none left.
        theirs = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        _widen(theirs)
        return cls(ring, _reading_end(path), theirs, path)

    @classmethod
    def reopened(cls, ring: LogRing, path: Path) -> "EngineOutput":
        """Return the output of an engine that an earlier daemon started, from where that stopped reading.

        Raises:
            OSError: It is not there, or is no pipe.
        """
        return cls(ring, _reading_end(path), path=path)

    def listen(self) -> None:
        """Read from now on; only the engine keeps the writing end."""
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1
        self._loop.add_reader(self._ours, self._read)

    def drain(self) -> None:
        """Read what is in the pipe now, at most what a pipe holds, since a leaked child may write for ever."""
        for _ in range(_LASTING_BYTES // _CHUNK if self.path else 4):
            if not (self._open and self._read()):
                break

    def release(self) -> None:
        """Read no more; a lasting pipe stays, for the next daemon."""
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1
        self.drain()
        if self._open:
            self._open = False
            self._loop.remove_reader(self._ours)
            os.close(self._ours)
        self._ring.flush()

    def close(self) -> None:
        """Read no more, for the engine has ended."""
        self.release()
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return False
        # No data means that every holder of the writing end has closed it.
        if data:
            self._ring.feed(data)
        else:
            self._loop.remove_reader(self._ours)
        return bool(data)


def remove_unread(folder: Path, read: frozenset[Path]) -> None:
    """Remove the named pipes in *folder* of engines that are gone: all but those in *read*."""
    with suppress(OSError):
        for path in folder.glob(_LASTING.format("*")):
            if path not in read and stat.S_ISFIFO(path.lstat().st_mode):
                path.unlink()


def _named_pipe(folder: Path) -> Path | None:
    path = folder / _LASTING.format(secrets.token_hex(8))
    try:
        os.mkfifo(path, 0o600)
    except OSError:
        return None
    return path


def _reading_end(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no pipe")
    return descriptor


def _widen(descriptor: int) -> None:
    with suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _LASTING_BYTES)
