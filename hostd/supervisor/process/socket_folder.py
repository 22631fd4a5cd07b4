"""Where engines listen that know unix sockets: in a folder that only the daemon's own user can enter.

Nobody else can stand in for an engine there, and no page in a browser can reach it. The path has to be short: the system's limit is
104 bytes on macOS and 108 on Linux, the closing zero included.
"""

import os
import secrets
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from hostd.private_files import make_private_folder

LONGEST_PATH = 103
_NAME = "engine-{}.sock"
_log = structlog.get_logger(__name__)


class SocketFolder:
    """Gives out paths for sockets in the first of *candidates* that will do, or else in a new one; see `candidates`."""

    def __init__(self, candidates: Sequence[Path]) -> None:
        self._candidates = candidates
        self._folder: Path | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._unusable = False
        self._choosing = threading.Lock()

    def __repr__(self) -> str:
        return f"<SocketFolder {self._folder or 'not chosen'}>"

    def new_path(self) -> Path | None:
        """Return a path that nothing has; None where this machine has no place for sockets. Blocks at the first call."""
        with self._choosing:
            if self._folder is None and not self._unusable:
                self._folder = next(self._usable(), None)
                self._unusable = self._folder is None
        return None if self._folder is None else self._folder / _NAME.format(secrets.token_hex(4))

    def close(self) -> None:
        """Remove what was made for this daemon alone."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def _usable(self) -> Iterator[Path]:
        for folder in self._candidates:
            with suppress(OSError):
                yield prepare(folder)
        with suppress(OSError):
            self._temporary = tempfile.TemporaryDirectory(prefix="hostd-", ignore_cleanup_errors=True)
            yield prepare(Path(self._temporary.name))
        _log.warning("no_folder_for_sockets", hint="engines listen on loopback ports instead")


def candidates(state: Path) -> list[Path]:
    """Return where sockets may go, best first.

    Below the folders of the service manager and of the session, in *state*, and, where that path is too long, in the system's
    folder for temporary files, under a name that the next daemon finds again.
    """
    given = (os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0], os.environ.get("XDG_RUNTIME_DIR", ""))
    return [
        *(Path(folder) / "hostd-engines" for folder in given if folder.startswith("/")),
        state / "sockets",
        Path(tempfile.gettempdir()) / f"hostd-{os.geteuid()}",
    ]


def prepare(folder: Path) -> Path:
    """Make *folder* fit for sockets, and return it without links: this user's own and nobody else's, and short enough.

    Sockets of daemons that are gone are removed.

    Raises:
        OSError: It cannot be made so.
    """
    _check_length(folder)
    make_private_folder(folder)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
        raise OSError(f"{folder} is no folder of this user's")
    folder = folder.resolve(strict=True)
    _check_length(folder)
    for above in folder.parents:
        _check_above(above)
    folder.chmod(0o700)
    _try(folder)
    for path in folder.glob(_NAME.format("*")):
        remove_stale(path)
    return folder


def _check_length(folder: Path) -> None:
    if len(os.fsencode(folder / _NAME.format("0" * 8))) > LONGEST_PATH:
        raise OSError(f"the path of {folder} is too long for sockets")


def _check_above(folder: Path) -> None:
    """Raise OSError where others may rename what is in *folder*, and put something else in its place."""
    about = folder.stat()
    if about.st_uid not in (0, os.geteuid()):
        raise OSError(f"{folder} belongs to another user")
    if about.st_mode & 0o022 and not about.st_mode & stat.S_ISVTX:
        raise OSError(f"{folder} can be written by others")


def remove_stale(path: Path) -> None:
    """Remove the socket at *path* if nobody listens there."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            # Other files refuse connections, too.
            return
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _try(folder: Path) -> None:
    """Listen in *folder* for a moment; some file systems know no sockets."""
    path = folder / f"try-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.unlink()
