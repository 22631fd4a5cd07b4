"""Files that change are noticed, where the owner wants that, and read anew once they have stopped changing.

They are looked at every few seconds: an editor that writes a file anew, a folder that is replaced and a network's file system
are all seen that way, and a dozen calls of stat(2) cost nothing.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hostd.domain.catalog import Catalog

LOOK_EVERY = 2.0

Signature = tuple[tuple[str, int, int, int], ...]
"""Of each file its path, its number on the disk, its size, and when it was written (nanoseconds)."""


class FileWatch:
    """Calls *changed* when the files of the settings in *catalog* have changed, and were the same at two looks since."""

    def __init__(self, catalog: Catalog, changed: Callable[[], None]) -> None:
        self._catalog = catalog
        self._changed = changed
        self._known: Signature | None = None
        self._before: Signature | None = None

    def __repr__(self) -> str:
        return f"<FileWatch {'on' if self._catalog.server.watch else 'off'}>"

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            if self._catalog.server.watch:
                settings = self._catalog.settings
                self.looked(await asyncio.to_thread(signature, settings.source, settings.folder))
            else:
                # What has changed before the watch began is not for it to tell.
                self._known = None
            await asyncio.sleep(LOOK_EVERY)

    def looked(self, found: Signature) -> None:
        """Take in what a look has found."""
        if self._known is None:
            self._known = found
        elif found != self._known and found == self._before:
            self._known = found
            self._changed()
        self._before = found


def signature(source: str | None, folder: str | None) -> Signature:
    """Return what tells whether the file *source*, or one of those in *folder*, has changed. Blocks."""
    paths = [] if source is None else [Path(source)]
    if folder is not None:
        with suppress(OSError):
            paths += sorted(Path(folder).iterdir())
    found = []
    for path in paths:
        with suppress(OSError):
            about = path.stat()
            found.append((os.fspath(path), about.st_ino, about.st_size, about.st_mtime_ns))
    return tuple(found)
