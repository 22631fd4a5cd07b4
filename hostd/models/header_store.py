"""Cache of fetched headers, so that planning again needs no network.

A file's name is a digest of the address that it was fetched from, so no address can choose a path. Cached bytes are
parsed again at each use: the cache is trusted no more than the hub was.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST = 256 << 20
"""Limit of the cache in bytes; the least recently used files are removed first."""


@dataclass(frozen=True, slots=True)
class CachedHeader:
    """What was fetched from *url* when the file there was *size* bytes long and had that *etag*."""

    url: str
    etag: str
    size: int | None
    data: bytes


class HeaderStore:
    """The cache in *folder*; a failed write is ignored."""

    def __init__(self, folder: Path, *, most: int = MOST) -> None:
        self._folder = folder
        self._most = most

    def get(self, url: str) -> CachedHeader | None:
        """Return the cached bytes of *url*."""
        path = self._path(url)
        try:
            first, _, data = path.read_bytes().partition(b"\n")
            note = json.loads(first)
            with suppress(OSError):
                os.utime(path)
            if note["url"] == url and note["length"] == len(data):
                return CachedHeader(url, str(note["mark"]), note["size"], data)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def has(self, url: str) -> bool:
        """Return whether there is something cached of *url*."""
        return self._path(url).exists()

    def put(self, kept: CachedHeader) -> None:
        """Cache a header in place of an older one of that address."""
        note = {"url": kept.url, "mark": kept.etag, "size": kept.size, "length": len(kept.data)}
        path = self._path(kept.url)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.write_bytes(json.dumps(note).encode() + b"\n" + kept.data)
            draft.replace(path)
            self._prune()
        except OSError:
            with suppress(OSError):
                draft.unlink()

    def _path(self, url: str) -> Path:
        return self._folder / hashlib.sha256(url.encode()).hexdigest()[:40]

    def _prune(self) -> None:
        files = sorted(((file.stat(), file) for file in self._folder.iterdir()), key=lambda each: -each[0].st_mtime)
        total = 0
        for stat, file in files:
            total += stat.st_size
            if total > self._most:
                file.unlink(missing_ok=True)
