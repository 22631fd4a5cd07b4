"""The database of what was asked and what was loaded: its tables, and the one connection that writes them.

Times, names and counts only; nothing of what was said is ever kept. Whoever reads uses `hostd.telemetry.history`.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

VERSION = 1
_SPOILT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PATIENCE = 2.0
"""Seconds to wait for another program that holds the file."""
_LONGEST_LABEL = 64

_SCHEMA = """
CREATE TABLE requests (
    at REAL NOT NULL, id TEXT NOT NULL, asked TEXT NOT NULL, model TEXT, backend TEXT, route TEXT NOT NULL, reason TEXT,
    outcome TEXT NOT NULL, status INTEGER NOT NULL, client TEXT, stream INTEGER NOT NULL,
    queue_ms REAL NOT NULL, load_ms REAL NOT NULL, ttft_ms REAL, total_ms REAL NOT NULL,
    prompt_tokens INTEGER, output_tokens INTEGER
);
CREATE INDEX requests_by_time ON requests (at, asked);
CREATE INDEX requests_by_model ON requests (model, at);
CREATE TABLE loads (
    at REAL NOT NULL, model TEXT NOT NULL, variant TEXT NOT NULL, seconds REAL NOT NULL, bytes TEXT NOT NULL, why TEXT NOT NULL
);
CREATE INDEX loads_by_model ON loads (model, variant, at);
"""

# All rows in one statement: a statement for each would hand the interpreter's lock back and forth with the event loop, row by row.
_COLUMNS = ", ".join(f"json_extract(value, '$[{column}]')" for column in range(17))
_KEEP_REQUESTS = f"INSERT INTO requests SELECT {_COLUMNS} FROM json_each(?)"  # noqa: S608  # numbers of our own
_KEEP_LOAD = "INSERT INTO loads VALUES (?, ?, ?, ?, ?, ?)"


class RequestRecord(NamedTuple):
    """One request that is over. *at* is when it came, in seconds since 1970; all other times are seconds that passed.

    *asked* is the profile that was asked for first, *model* the one that answered or was tried last (``none``: none was),
    *route* as in ``x-hostd-route``, *outcome* one of answered, refused, failed, broken, gone. *waited* holds *loaded*. *ttft*
    counts from when the engine was asked, *total* from *at*. Tokens are 0 where nobody counted them.
    """

    id: str
    at: float
    asked: str
    model: str
    backend: str
    route: str
    outcome: str
    status: int
    client: str | None
    stream: bool
    waited: float
    loaded: float
    ttft: float
    total: float
    prompt_tokens: int
    output_tokens: int


class LoadRecord(NamedTuple):
    """One load that ended with a ready engine; *needs* is the most that it was to take, in bytes by pool id."""

    at: float
    model: str
    variant: str
    seconds: float
    needs: Mapping[str, int]
    why: str


class RetentionBounds(NamedTuple):
    """How much is kept: rows of each table, and days."""

    rows: int = 1_000_000
    days: float = 180.0


class UnknownDatabaseError(Exception):
    """The file belongs to a later version of hostd, which is not ours to change."""


class Database:
    """The connection that writes; it belongs to one thread."""

    def __init__(self, path: Path) -> None:
        """Open *path*, making it where it is missing.

        Raises:
            sqlite3.Error, OSError: It cannot be opened; `spoilt` tells whether it is beyond repair.
            UnknownLedgerError: A later version of hostd wrote it.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        db = self._connection
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise UnknownDatabaseError(f"it is of version {version}; this hostd knows {VERSION}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if version == 0:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def write(self, entries: Iterable[RequestRecord | LoadRecord]) -> None:
        """Keep *entries*, all or none of them.

        Raises:
            sqlite3.Error: They could not be kept.
        """
        requests: list[tuple[object, ...]] = []
        loads: list[tuple[object, ...]] = []
        for entry in entries:
            if isinstance(entry, RequestRecord):
                requests.append(_row(entry))
            else:
                loads.append((*entry[:4], json.dumps(dict(entry.needs)), entry.why))
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(_KEEP_REQUESTS, (json.dumps(requests),))
            db.executemany(_KEEP_LOAD, loads)
            db.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def prune(self, bounds: RetentionBounds) -> None:
        """Forget what is older or more than *bounds* allow, the oldest first.

        Raises:
            sqlite3.Error: It could not be done.
        """
        oldest = time.time() - bounds.days * 86400
        for table in ("requests", "loads"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE at < ? OR rowid <= (SELECT max(rowid) FROM {table}) - ?",  # noqa: S608  # our own two names
                (oldest, bounds.rows),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def is_corrupt(error: Exception) -> bool:
    """Return whether *error* means that the file is no database of ours, so that nothing more can be done with it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _SPOILT


def set_aside(path: Path) -> Path:
    """Move a spoilt file out of the way, with what belongs to it, and return where it is now.

    Raises:
        OSError: It cannot be moved.
    """
    aside = path.with_name(f"{path.name}.spoilt-{time.strftime('%Y%m%d-%H%M%S')}")
    path.replace(aside)
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    return aside


def _row(entry: RequestRecord) -> tuple[object, ...]:
    route, _, reason = entry.route.partition(":")
    return (
        entry.at,
        entry.id,
        entry.asked,
        None if entry.model == "none" else entry.model,
        None if entry.backend == "none" else entry.backend,
        route,
        reason or None,
        entry.outcome,
        entry.status,
        _label(entry.client),
        entry.stream,
        _ms(max(0.0, entry.waited - entry.loaded)),
        _ms(entry.loaded),
        _ms(entry.ttft) if entry.ttft else None,
        _ms(entry.total),
        entry.prompt_tokens or None,
        entry.output_tokens or None,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _label(client: str | None) -> str | None:
    """Return what a client calls itself, cut to a label: it is a name to group by, not a place for text."""
    return "".join(filter(str.isprintable, client))[:_LONGEST_LABEL] or None if client else None
