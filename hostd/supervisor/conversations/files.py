"""The files that engines write their slots to: which conversation each has, of which engine, and whether it is still as it was.

Each is a pair: what the engine has written (``NAME.kv``), and a manifest (``NAME.json``), which is written last. A file without
its manifest is what an engine left that was killed meanwhile; it is deleted, as is a manifest without its file. Before a file is
given to an engine, its size and samples of its bytes are compared with the manifest: a damaged one may spoil the engine.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from hostd.private_files import open_private, write_private

CONTENT, MANIFEST = ".kv", ".json"
_SAMPLE = 64 * 1024
_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class SavedSlot:
    """A saved conversation of *model*, of an engine with *identity*: *tokens*, in a file of *size* bytes with *checksum*.

    *preamble* tells conversations that begin alike. *used* is when it was last written or read (seconds since 1970).
    """

    name: str
    model: str
    identity: str
    conversation: str
    preamble: str
    tokens: int
    size: int
    checksum: int
    used: float


def file_name(model: str, identity: str, conversation: str) -> str:
    """Return the name, without its ending, for a conversation of a model whose engine has *identity*."""
    return hashlib.blake2b(json.dumps([model, identity, conversation]).encode(), digest_size=16).hexdigest()


def read_all(folder: Path) -> list[SavedSlot]:
    """Return what *folder* keeps, least recently used first, and delete what is no whole pair. Blocks."""
    found: dict[str, SavedSlot] = {}
    for path in _listed(folder):
        if path.suffix == MANIFEST and (saved := _manifest(path)) is not None:
            found[saved.name] = saved
    for path in _listed(folder):
        if path.stem not in found or path.suffix not in (CONTENT, MANIFEST):
            with suppress(OSError):
                path.unlink()
    return sorted(found.values(), key=lambda each: each.used)


def seal(folder: Path, draft: str, saved: SavedSlot) -> SavedSlot:
    """Make the file *draft*, which an engine has written, the one of *saved*; return that with its size and checksum. Blocks.

    Raises:
        OSError: It is not there, or cannot be kept.
    """
    path = folder / draft
    # The engine's own umask may have let others read it; the folder does not.
    descriptor = open_private(path, os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        # A manifest must not outlive a crash of the machine that its file did not.
        os.fsync(descriptor)
        whole = SavedSlot(**{**asdict(saved), "size": size, "checksum": _checksum(file, size)})
    path.replace(folder / f"{saved.name}{CONTENT}")
    write_private(folder / f"{saved.name}{MANIFEST}", json.dumps(asdict(whole)))
    return whole


def is_sound(folder: Path, saved: SavedSlot) -> bool:
    """Return whether the file of *saved* is as it was written. Blocks."""
    try:
        descriptor = open_private(folder / f"{saved.name}{CONTENT}", os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            return size == saved.size and _checksum(file, size) == saved.checksum
    except OSError:
        return False


def note_use(folder: Path, saved: SavedSlot) -> None:
    """Write down when *saved* was used. Blocks."""
    with suppress(OSError):
        write_private(folder / f"{saved.name}{MANIFEST}", json.dumps(asdict(saved)))


def delete(folder: Path, names: Iterable[str]) -> None:
    """Delete the files of *names*, those that are there. Blocks."""
    for name in names:
        for suffix in (MANIFEST, CONTENT):
            with suppress(OSError):
                (folder / f"{name}{suffix}").unlink()


def free_bytes(folder: Path) -> int:
    """Return how many bytes the disk of *folder* has left. Blocks.

    Raises:
        OSError: There is no such folder.
    """
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def _checksum(file: BinaryIO, size: int) -> int:
    """Return a checksum of samples all over *file*: a whole one of gigabytes would take longer than it spares."""
    found = 0
    step = max(_SAMPLE, size // _SAMPLES)
    for start in (*range(0, size, step), max(0, size - _SAMPLE)):
        file.seek(start)
        found = zlib.crc32(file.read(_SAMPLE), found)
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _manifest(path: Path) -> SavedSlot | None:
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            saved = SavedSlot(**json.loads(file.read(_SAMPLE)))
    except (OSError, ValueError, TypeError):
        return None
    content = path.with_suffix(CONTENT)
    return saved if saved.name == path.stem and content.is_file() and not content.is_symlink() else None
