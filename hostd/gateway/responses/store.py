"""Where responses are kept: an SQLite file of their own, which one thread reads and writes.

What clients have said and were told is in it in plain words, so it is opened only where the owner has set ``state.keep``, and what
is deleted is overwritten.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from hostd.domain.errors import CapacityError
from hostd.domain.server_settings import StateSettings
from hostd.telemetry.settled_clock import settled_time
from hostd.telemetry.sqlite_file import (
    HeldFile,
    UnknownDatabaseError,
    connect,
    give_back,
    is_corrupt,
    set_aside,
)

log = structlog.get_logger()

_Value = TypeVar("_Value")

MIGRATIONS = (
    """
    CREATE TABLE responses (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, used REAL NOT NULL, private INTEGER NOT NULL, previous TEXT NOT NULL,
        input BLOB NOT NULL, output BLOB NOT NULL, response BLOB NOT NULL, bytes INTEGER NOT NULL
    );
    CREATE INDEX responses_by_use ON responses (used, bytes);
    CREATE TABLE items (id TEXT NOT NULL, response TEXT NOT NULL, item BLOB NOT NULL, PRIMARY KEY (response, id));
    CREATE INDEX items_by_id ON items (id);
    """,
    """
    CREATE TABLE clock (at REAL NOT NULL);
    INSERT INTO clock SELECT used FROM responses ORDER BY rowid DESC LIMIT 1;
    """,
)
"""As those of `hostd.telemetry.database`: only ever append."""
LONGEST_CHAIN = 10_000
_MOST_FREE = 1024
"""Pages that hold nothing any more and are kept for what comes next: 4 MiB."""

_CHAIN = """
    WITH RECURSIVE chain(id, depth) AS (
        VALUES (?, 0)
        UNION ALL
        SELECT previous, depth + 1 FROM chain JOIN responses USING (id) WHERE owner = ? AND previous != '' AND depth < ?
    )
    SELECT id, previous, private, input, output FROM chain LEFT JOIN responses USING (id) WHERE owner = ? ORDER BY depth DESC
"""


class KeptResponse(NamedTuple):
    """One response of *owner*: the object itself, its *input* and its *output* as lists of items, all as JSON.

    *previous* is the one that it goes on from, empty where it begins. A *private* one must not leave this machine. *items* are
    those of both lists by their ids.
    """

    id: str
    owner: str
    private: bool
    previous: str
    input: bytes
    output: bytes
    response: bytes
    items: dict[str, bytes]


class Conversation(NamedTuple):
    """What was said up to a response: lists of items, the oldest first; *private* as one of its responses is."""

    said: tuple[bytes, ...]
    private: bool


class ResponseStore:
    """Keeps responses in the file at *path* within the bounds of *settings*, apart by owner."""

    def __init__(self, path: Path, settings: StateSettings, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._settings = settings
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hostd-responses")
        self._connection: sqlite3.Connection | None = None
        self._file: HeldFile | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<ResponseStore {self._path}>"

    async def keep(self, kept: KeptResponse) -> None:
        """Keep a response, and have the oldest give way to it; a failure is logged, since the answer itself is whole."""
        try:
            await self._run(lambda db: self._keep(db, kept))
        except CapacityError as error:
            log.warning("response_not_kept", response=kept.id, why=error.message)

    async def conversation(self, owner: str, response_id: str) -> Conversation | None:
        """Return what was said up to the response, and keep all of it for as long again; None where a part is not there."""
        return await self._run(lambda db: self._conversation(db, owner, response_id))

    async def items(self, owner: str, ids: Collection[str]) -> tuple[dict[str, bytes], bool]:
        """Return those of the items with *ids* that are there, and whether one of them is of a private response."""
        return await self._run(lambda db: _items(db, owner, ids))

    async def find(self, owner: str, response_id: str) -> tuple[bytes, bytes] | None:
        """Return a response object and its input; None where there is none."""
        return await self._run(lambda db: self._find(db, owner, response_id))

    async def delete(self, owner: str, response_id: str) -> bool:
        """Delete a response; return whether it was there."""
        return await self._run(lambda db: _delete(db, "owner = ? AND id = ?", (owner, response_id)) > 0)

    async def close(self) -> None:
        """Close the file; nothing is kept or found any more."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        """Return what *work* returns.

        Raises:
            CapacityError: The file cannot be read or written.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)
        except (sqlite3.Error, OSError, UnknownDatabaseError) as error:
            raise CapacityError(
                f"the store of responses cannot be used: {error}; see {self._path}",
                code="store_failed",
                retry_after=5.0,
            ) from error

    def _work(self, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        if self._file is not None and not self._file.is_in_place():
            self._close()
        try:
            if self._connection is None:
                self._connection = self._open()
                self._file = HeldFile(self._path)
                self._prune(self._connection)
            return self._transact(self._connection, work)
        except sqlite3.Error as error:
            if is_corrupt(error):
                self._close()
                self._set_aside(error)
            raise

    def _transact(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Value]) -> _Value:
        db.execute("BEGIN IMMEDIATE")
        try:
            done = work(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        if db.execute("PRAGMA freelist_count").fetchone()[0] > _MOST_FREE:
            give_back(db)
        return done

    def _open(self) -> sqlite3.Connection:
        try:
            db = connect(self._path, MIGRATIONS)
        except sqlite3.Error as error:
            if not is_corrupt(error):
                raise
            self._set_aside(error)
            db = connect(self._path, MIGRATIONS)
        db.execute("PRAGMA secure_delete = ON")
        return db

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _set_aside(self, error: sqlite3.Error) -> None:
        log.warning("responses_set_aside", file=str(set_aside(self._path)), why=f"{error}; a new one is begun")

    def _keep(self, db: sqlite3.Connection, kept: KeptResponse) -> None:
        size = len(kept.response) + 2 * (len(kept.input) + len(kept.output))
        db.execute(
            "INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                kept.id,
                kept.owner,
                self._clock(),
                kept.private,
                kept.previous,
                kept.input,
                kept.output,
                kept.response,
                size,
            ),
        )
        rows = [(name, kept.id, item) for name, item in kept.items.items()]
        db.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", rows)
        self._prune(db)

    def _prune(self, db: sqlite3.Connection) -> None:
        """Delete what has not been used for too long, and then the oldest until the others fit."""
        if self._settings.keep is not None:
            _delete(db, "used < ?", (settled_time(db, self._clock()) - self._settings.keep,))
        (total,) = db.execute("SELECT coalesce(sum(bytes), 0) FROM responses").fetchone()
        over, last = total - self._settings.max_bytes, None
        for used, size in db.execute("SELECT used, bytes FROM responses ORDER BY used"):
            if over <= 0:
                break
            over, last = over - size, used
        if last is not None:
            _delete(db, "used <= ?", (last,))

    def _conversation(self, db: sqlite3.Connection, owner: str, response_id: str) -> Conversation | None:
        rows = db.execute(_CHAIN, (response_id, owner, LONGEST_CHAIN, owner)).fetchall()
        # The first of a chain goes on from nothing, unless what it went on from is gone.
        if not rows or rows[0][1] or self._is_old(db, rows[-1][0]):
            return None
        now = self._clock()
        db.executemany("UPDATE responses SET used = ? WHERE id = ?", [(now, row[0]) for row in rows])
        said = tuple(part for row in rows for part in (bytes(row[3]), bytes(row[4])))
        return Conversation(said, any(row[2] for row in rows))

    def _find(self, db: sqlite3.Connection, owner: str, response_id: str) -> tuple[bytes, bytes] | None:
        row = db.execute(
            "SELECT response, input FROM responses WHERE owner = ? AND id = ?", (owner, response_id)
        ).fetchone()
        return None if row is None or self._is_old(db, response_id) else (bytes(row[0]), bytes(row[1]))

    def _is_old(self, db: sqlite3.Connection, response_id: str) -> bool:
        """Return whether a response should be gone: nothing may have been kept since its time was up."""
        (used,) = db.execute("SELECT used FROM responses WHERE id = ?", (response_id,)).fetchone()
        return self._settings.keep is not None and bool(used < self._clock() - self._settings.keep)


def _delete(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> int:
    db.execute(f"DELETE FROM items WHERE response IN (SELECT id FROM responses WHERE {where})", values)  # noqa: S608 - our words
    return db.execute(f"DELETE FROM responses WHERE {where}", values).rowcount  # noqa: S608 - as above


_OF_OWNER = """
    SELECT items.id, item, private FROM items JOIN responses ON responses.id = items.response WHERE owner = ? AND items.id = ?
"""


def _items(db: sqlite3.Connection, owner: str, ids: Collection[str]) -> tuple[dict[str, bytes], bool]:
    rows = [row for each in ids for row in db.execute(_OF_OWNER, (owner, each))]
    return {row[0]: bytes(row[1]) for row in rows}, any(row[2] for row in rows)
