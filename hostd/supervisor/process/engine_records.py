"""What is known of each engine when its daemon is gone: a record on disk, and the mark that the engine itself carries.

A record can be missing, since a full disk is no reason not to serve; so the mark says as well which daemon an engine belongs to.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from hostd.private_files import open_private, write_private
from hostd.supervisor.process.process_identity import is_same

_LARGEST = 64 * 1024
_LARGEST_PID = 1 << 31
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptLaunch:
    """What the next daemon needs to go on with an engine.

    *address* is the path of its socket, or its loopback port; *key* that of its launch. *digest* stands for all that it was
    launched with (`hostd.supervisor.kept_launch`), *shares* are those of its elastic memory, *variant* is for people. *output* is
    the named pipe that it writes to.
    """

    address: str
    key: str = field(repr=False)
    digest: str
    variant: str
    output: str
    shares: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """One engine as its daemon recorded it; the starts are those of `hostd.supervisor.process.process_identity`.

    *kept* is there once the engine serves and is to outlive its daemon.
    """

    pid: int
    start: str
    boot: str
    mark: str
    daemon_pid: int
    daemon_start: str
    argv0: str
    model: str
    kept: KeptLaunch | None = None


def path_of(folder: Path, pid: int) -> Path:
    """Return where the record of the engine that *pid* leads is kept."""
    return folder / f"engine-{pid}.json"


def write(folder: Path, record: EngineRecord) -> None:
    """Write *record* whole or not at all.

    Raises:
        OSError: It cannot be written; nothing of it is left behind.
    """
    write_private(path_of(folder, record.pid), json.dumps(asdict(record)))


def read_all(folder: Path) -> Iterator[tuple[Path, EngineRecord]]:
    """Yield the records in *folder*; what cannot be read is removed, or else left where it is, with a warning."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if path.name.startswith("engine-") and path.suffix == ".tmp":
            # Its daemon ended between writing and renaming.
            remove(path)
        elif path.name.startswith("engine-") and path.suffix == ".json":
            try:
                yield path, _read(path)
            except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
                _log.warning("engine_record_unreadable", path=str(path), error=str(error) or type(error).__name__)
                remove(path)


def remove(path: Path) -> None:
    """Remove a record; one that cannot be removed stays, for no file in a folder of records keeps a daemon from starting."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _read(path: Path) -> EngineRecord:
    """Return the record in *path*; raise ValueError, TypeError or LookupError unless it can be acted upon without harm."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    fields = json.loads(content)
    for name in ("pid", "daemon_pid"):
        # To kill(2), 0 is the caller's own group, and negative numbers are groups.
        if type(fields[name]) is not int or not 1 < fields[name] < _LARGEST_PID:
            raise ValueError(f"{name} is {fields[name]!r}")
    for name in ("start", "boot", "mark", "daemon_start", "argv0", "model"):
        if not isinstance(fields[name], str):
            raise TypeError(f"{name} is {fields[name]!r}")
    if not fields["mark"]:
        raise ValueError("it names no mark")
    kept = fields.pop("kept", None)
    return EngineRecord(**fields, kept=None if kept is None else _kept(kept))


def _kept(fields: dict[str, Any]) -> KeptLaunch:
    for name in ("address", "key", "digest", "variant", "output"):
        if not isinstance(fields[name], str):
            raise TypeError(f"{name} is no text")
    shares = fields["shares"]
    if shares is not None and not all(type(count) is int for count in dict(shares).values()):
        raise TypeError(f"shares is {shares!r}")
    return KeptLaunch(**fields)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the environment of an engine says about its daemon.

    *folder* stands for the folder of its daemon's records, see `folder_id`; *of_engine* tells its engines apart.
    """

    daemon_pid: int
    daemon_start: str
    namespace: str
    folder: str
    of_engine: str

    def __str__(self) -> str:
        return f"{self.daemon_pid}:{self.daemon_start}:{self.namespace}:{self.folder}:{self.of_engine}"

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """Return the mark in *text*, None where it is none of this version's."""
        words = text.split(":")
        if len(words) != 5 or not words[0].isdecimal() or not all(words):
            return None
        return cls(int(words[0]), *words[1:])

    @property
    def is_orphaned(self) -> bool:
        """Whether the daemon certainly has ended; never of a daemon whose pids mean other processes than here."""
        return self.namespace == pid_namespace() and is_same(self.daemon_pid, self.daemon_start) is not True


def folder_id(folder: Path) -> str:
    """Return what stands for *folder* in marks: each state folder's engines are those of the daemon that has it."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]


def pid_namespace() -> str:
    """Return what differs between containers, in each of which the same pid is another process."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "0"
