"""SQLite files that only the daemon's own user may read: brought up to date as they are opened, set aside where they are broken."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hostd.private_files import make_private_folder, open_private

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCK_TIMEOUT = 2.0
"""Seconds to wait for another program that holds the file."""
_INCREMENTAL = 2
"""What SQLite calls a file that can give single pages back."""
_MAGIC = b"SQLite format 3\0"


class UnknownDatabaseError(Exception):
    """The file was written by a later version of hostd, so this one leaves it alone."""


def connect(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    """Return a connection to the file at *path*, made where it is missing, after those of *migrations* that it has not seen.

    It belongs to this thread, and commits by itself outside of transactions.

    Raises:
        sqlite3.Error, OSError: It cannot be opened; `is_corrupt` tells whether it is beyond repair.
        UnknownDatabaseError: A later version of hostd wrote it.
    """
    make_private_folder(path.parent)
    # SQLite follows links, waits for pipes, and makes files that all may read; its log and index take the mode of this one.
    os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    for part in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.close(open_private(path.with_name(path.name + part), os.O_RDWR))
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None)
    try:
        _migrate(connection, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(db: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Run those of *migrations* that the file has not seen, each with its new version or not at all."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise UnknownDatabaseError(f"it is of version {version}; this hostd knows {len(migrations)}")
    # Of an empty file; one that has tables is rewritten where it has much to give back.
    db.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    db.execute("PRAGMA journal_mode = WAL")
    # With a write-ahead log, a power cut costs the last records but never the file.
    db.execute("PRAGMA synchronous = NORMAL")
    for number, script in enumerate(migrations[version:], version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


class HeldFile:
    """The file at *path* beside a connection, which does not notice by itself that it was removed, replaced or overwritten.

    A connection goes on with the pages that it remembers then, and what it writes is lost. Close the connection first: whichever
    descriptor of a file is closed, the system takes from the process all its locks on it, and without the connection's another
    program's SQLite removes the log that it writes to.
    """

    def __init__(self, path: Path) -> None:
        """Open *path*.

        Raises:
            OSError: It cannot be opened.
        """
        self._path = path
        self._descriptor = open_private(path, os.O_RDONLY)

    def is_in_place(self) -> bool:
        """Return whether the file is still the one at its path, and begins as a database does."""
        try:
            same = os.path.samestat(self._path.lstat(), os.fstat(self._descriptor))
            return same and os.pread(self._descriptor, len(_MAGIC), 0) == _MAGIC
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def check_pages(db: sqlite3.Connection) -> None:
    """Look at every page.

    Raises:
        sqlite3.Error: One of them is wrong; `is_corrupt` tells so.
    """
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        error = sqlite3.DatabaseError(str(said))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def ask(
    path: Path, question: str, *values: object, unreadable: Callable[[], None] = lambda: None
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that answer *question*, as far as the file at *path* can be read; nothing is ever written to it.

    *unreadable* is called where the file is not there, or corrupt.
    """
    try:
        # SQLite follows links, and would wait for the writer of a named pipe. To open and close the file here would cost the daemon
        # its locks on it, see `HeldFile`.
        if not stat.S_ISREG(path.lstat().st_mode):
            return
        where = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=1.0)) as connection:
            yield from connection.execute(question, values)
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, FileNotFoundError) or is_corrupt(error):
            unreadable()


def used_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of the pages that hold something."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def give_back(db: sqlite3.Connection) -> None:
    """Give the pages that hold nothing back to the disk, and the log beside the file with them, as far as that can be done now."""
    # A full disk or a reader may stand in the way; nothing is lost by that.
    with suppress(sqlite3.Error):
        if not db.execute("PRAGMA freelist_count").fetchone()[0]:
            return
        if db.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL:
            # A step of it gives one page back; of a statement without columns `execute` takes one step only.
            db.executescript("PRAGMA incremental_vacuum")
        else:
            db.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def is_corrupt(error: Exception) -> bool:
    """Return whether *error* means that the file is no database of ours, so that nothing more can be done with it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CORRUPT


def set_aside(path: Path) -> Path:
    """Move a corrupt file out of the way, with what belongs to it, and return where it is now.

    Raises:
        OSError: It cannot be moved.
    """
    aside = path.with_name(f"{path.name}.spoilt-{time.strftime('%Y%m%d-%H%M%S')}")
    path.replace(aside)
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    return aside
