"""The database of requests, loads, decisions and what models take: its tables, how they have changed, and what writes to it.

Times, names and counts only; no prompt, answer or key is ever kept. `hostd.telemetry.history` reads it.
"""

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, fields
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

from hostd.scheduling.speed import Speed
from hostd.telemetry.decision_rows import COLUMNS as DECISION_COLUMNS
from hostd.telemetry.decision_rows import decision_row
from hostd.telemetry.footprint_records import FootprintRow, footprint_row
from hostd.telemetry.milliseconds import in_hundredths
from hostd.telemetry.settled_clock import settled_time
from hostd.telemetry.sinks import (
    ChargeRecord,
    DecisionRecord,
    EnergyRecord,
    FootprintRecord,
    LoadRecord,
    ProbeRecord,
    RequestRecord,
    SpeedRecord,
)
from hostd.telemetry.sqlite_file import HeldFile, check_pages, connect, give_back, used_bytes

_LONGEST_LABEL = 64

MIGRATIONS = (
    """
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
    """,
    "ALTER TABLE requests ADD COLUMN cost_usd REAL",
    """
    CREATE TABLE charges (
        at REAL NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, usd REAL NOT NULL, estimated INTEGER NOT NULL
    );
    CREATE INDEX charges_by_time ON charges (at, provider);
    """,
    """
    CREATE TABLE probes (at REAL NOT NULL, model TEXT NOT NULL, identity TEXT NOT NULL, build TEXT NOT NULL, found TEXT NOT NULL);
    """,
    """
    ALTER TABLE requests ADD COLUMN key TEXT;
    ALTER TABLE requests ADD COLUMN role TEXT;
    ALTER TABLE requests ADD COLUMN session TEXT;
    ALTER TABLE charges ADD COLUMN request TEXT;
    ALTER TABLE charges ADD COLUMN tokens INTEGER;
    ALTER TABLE charges ADD COLUMN key TEXT;
    ALTER TABLE charges ADD COLUMN role TEXT;
    ALTER TABLE charges ADD COLUMN session TEXT;
    """,
    """
    CREATE TABLE decisions (
        at REAL NOT NULL, event TEXT NOT NULL, model TEXT NOT NULL, other TEXT, request TEXT, told TEXT NOT NULL
    );
    CREATE INDEX decisions_by_model ON decisions (model);
    CREATE INDEX decisions_by_other ON decisions (other) WHERE other IS NOT NULL;
    CREATE INDEX decisions_by_request ON decisions (request) WHERE request IS NOT NULL;
    CREATE TABLE measurements (at REAL NOT NULL, key TEXT NOT NULL, found TEXT NOT NULL);
    CREATE INDEX measurements_by_key ON measurements (key);
    CREATE TABLE speeds (
        at REAL NOT NULL, model TEXT PRIMARY KEY, profile TEXT NOT NULL,
        reads REAL, writes REAL, cached REAL, reused REAL, ttft REAL
    );
    CREATE TABLE clock (at REAL NOT NULL);
    INSERT INTO clock SELECT at FROM requests ORDER BY rowid DESC LIMIT 1;
    """,
    """
    CREATE TABLE energy (at REAL NOT NULL, joules REAL NOT NULL, seconds REAL NOT NULL);
    CREATE INDEX energy_by_time ON energy (at);
    """,
    """
    ALTER TABLE requests ADD COLUMN complexity INTEGER;
    ALTER TABLE requests ADD COLUMN task TEXT;
    """,
)
"""What makes each version of the file out of the one before, version 1 out of an empty file. Only ever append: a file tells by
its ``user_version`` how many of them it has seen. New columns allow null, so that the rows of before stay."""

Entry = (
    RequestRecord
    | LoadRecord
    | ChargeRecord
    | ProbeRecord
    | DecisionRecord
    | FootprintRecord
    | SpeedRecord
    | EnergyRecord
)
_Row = tuple[object, ...]
_PRUNED = ("requests", "loads", "charges", "probes", "decisions", "energy")
"""Tables of what happened, which grow; the others hold what is known, and are bounded by its kinds."""
_COUNTED = 32 * 86400.0
"""Seconds; a budget's month, however long its clocks make it."""
_AT_ONCE = 64
"""Rows of one statement; 32,766 values are as many as SQLite takes."""
_SAME_FOOTPRINT, _FOOTPRINTS = 8, 2000
"""Measurements kept of the same serving, and of all; as in `hostd.sizing.measurements`."""


_TOO_MANY_FOOTPRINTS = """
    DELETE FROM measurements WHERE rowid <= (SELECT max(rowid) FROM measurements) - ?2 OR rowid IN (
        SELECT rowid FROM (SELECT rowid, row_number() OVER (PARTITION BY key ORDER BY rowid DESC) AS place FROM measurements)
        WHERE place > ?1
    )
"""


class RetentionBounds(NamedTuple):
    """How much is kept: rows of each table, days, and *size* bytes of all together."""

    rows: int = 1_000_000
    days: float = 180.0
    size: int = 256 * 1024 * 1024


class Database:
    """The connection that writes; it belongs to one thread."""

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        """Open *path*, making it where it is missing and bringing it up to date where it is of an earlier version.

        Raises:
            sqlite3.Error, OSError: It cannot be opened; `is_corrupt` tells whether it is beyond repair.
            UnknownDatabaseError: A later version of hostd wrote it.
        """
        self._connection = connect(path, migrations)
        try:
            self._file = HeldFile(path)
        except OSError:
            self._connection.close()
            raise

    def is_in_place(self) -> bool:
        """Return whether the file at the path is still the one that is written to."""
        return self._file.is_in_place()

    def check(self) -> None:
        """Look at every page.

        Raises:
            sqlite3.Error: One of them is wrong; `is_corrupt` tells so.
        """
        check_pages(self._connection)

    def write(self, entries: Iterable[Entry]) -> None:
        """Keep *entries*, all or none of them.

        Raises:
            sqlite3.Error: They could not be kept.
        """
        by_table: dict[_Table, list[Entry]] = defaultdict(list)
        for kind, some in groupby(entries, type):
            by_table[_TABLES[kind]].extend(some)
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            for table, those in by_table.items():
                self._insert(table, those)
            db.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _insert(self, table: "_Table", entries: Sequence[Entry]) -> None:
        """Insert the rows of *entries*, many with each statement; a speed takes the place of the one that was there.

        The interpreter's lock is given up for each statement: one for each row would hand it back and forth with the event loop,
        row by row, and rows that are all made before would hold up the loop. Powers of two, because the connection keeps the
        statements that it has compiled.
        """
        at = 0
        while at < len(entries):
            count = min(_AT_ONCE, 1 << (len(entries) - at).bit_length() - 1)
            held = list(zip(table.columns, zip(*map(table.row, entries[at : at + count]), strict=True), strict=True))
            # Columns that hold nothing are left out: a null takes the module of sqlite3 as long as five other values.
            nothing = (None,) * count
            columns = tuple([name for name, values in held if values != nothing])
            rows = zip(*[values for _, values in held if values != nothing], strict=True)
            self._connection.execute(_insertion(table.name, columns, count), list(chain.from_iterable(rows)))
            at += count

    def prune(self, bounds: RetentionBounds, now: float | None = None) -> None:
        """Delete the rows that are older or more than *bounds* allow at *now* (seconds since 1970), the oldest first.

        Raises:
            sqlite3.Error: It could not be done.
        """
        settled = settled_time(self._connection, time.time() if now is None else now)
        oldest = settled - bounds.days * 86400
        for table in _PRUNED:
            self._connection.execute(
                f"DELETE FROM {table} WHERE at < ? OR rowid <= (SELECT max(rowid) FROM {table}) - ?",  # noqa: S608  # our own names
                (oldest, bounds.rows),
            )
        self._connection.execute(_TOO_MANY_FOOTPRINTS, (_SAME_FOOTPRINT, _FOOTPRINTS))
        self._connection.execute("DELETE FROM speeds WHERE at < ?", (oldest,))
        self._shrink(bounds.size, settled - _COUNTED)

    def _shrink(self, most: int, paid: float) -> None:
        """Delete a tenth of the oldest rows again and again until what is left takes *most* bytes, and make the file smaller.

        What was paid since *paid* stays: budgets are counted from it.
        """
        while used_bytes(self._connection) > most:
            before = self._connection.total_changes
            for table in _PRUNED:
                self._connection.execute(
                    f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT"  # noqa: S608  # as above
                    f" (SELECT (count(*) + 9) / 10 FROM {table})) AND (at < ? OR ?)",
                    (paid, table != "charges"),
                )
            if self._connection.total_changes == before:
                break
        give_back(self._connection)

    def close(self) -> None:
        """Close the file."""
        try:
            self._connection.close()
        finally:
            self._file.close()


_REQUEST_COLUMNS = (
    *("at", "id", "asked", "model", "backend", "route", "reason", "outcome", "status", "client", "stream"),
    *("queue_ms", "load_ms", "ttft_ms", "total_ms", "prompt_tokens", "output_tokens", "cost_usd"),
    *("key", "role", "session", "complexity", "task"),
)


def request_row(record: RequestRecord) -> _Row:
    """Return *record* as the values of its row, in the order of the columns."""
    route, _, reason = record.route.partition(":")
    queued, difficulty = record.waited - record.loaded, record.difficulty
    return (
        record.at,
        record.id,
        record.asked,
        None if record.model == "none" else record.model,
        None if record.backend == "none" else record.backend,
        route,
        reason or None,
        record.outcome,
        record.status,
        None if record.client is None else _label(record.client),
        1 if record.stream else 0,
        in_hundredths(queued) if queued > 0 else 0.0,
        in_hundredths(record.loaded) if record.loaded else 0.0,
        # Not known is null, so that averages leave it out.
        in_hundredths(record.ttft) if record.ttft else None,
        in_hundredths(record.total),
        record.prompt_tokens or None,
        record.output_tokens or None,
        record.cost,
        record.key,
        record.role,
        None if record.session is None else _label(record.session),
        None if difficulty is None else difficulty.complexity,
        None if difficulty is None else str(difficulty.task),
    )


_LOAD_COLUMNS = ("at", "model", "variant", "seconds", "bytes", "why")


def _load_row(record: LoadRecord) -> _Row:
    return record.at, record.model, record.variant, record.seconds, json.dumps(dict(record.needs)), record.why


def _probe_row(record: ProbeRecord) -> _Row:
    return *record[:-1], json.dumps(record.found)


def _footprint_row(record: FootprintRecord) -> _Row:
    return record.at, *footprint_row(record.found)


def _speed_row(record: SpeedRecord) -> _Row:
    return *record[:-1], *astuple(record.speed)


def _label(name: str) -> str | None:
    """Return what a client calls itself, cut to a label: it is a name to group by, not a place for text."""
    return (name if name.isprintable() else "".join(filter(str.isprintable, name)))[:_LONGEST_LABEL] or None


class _Table(NamedTuple):
    name: str
    columns: tuple[str, ...]
    row: Callable[[Any], _Row]


_TABLES: dict[type, _Table] = {
    RequestRecord: _Table("requests", _REQUEST_COLUMNS, request_row),
    LoadRecord: _Table("loads", _LOAD_COLUMNS, _load_row),
    ChargeRecord: _Table("charges", ChargeRecord._fields, tuple),
    ProbeRecord: _Table("probes", ProbeRecord._fields, _probe_row),
    EnergyRecord: _Table("energy", EnergyRecord._fields, tuple),
    DecisionRecord: _Table("decisions", DECISION_COLUMNS, decision_row),
    FootprintRecord: _Table("measurements", ("at", *FootprintRow._fields), _footprint_row),
    SpeedRecord: _Table("speeds", (*SpeedRecord._fields[:-1], *(each.name for each in fields(Speed))), _speed_row),
}


@lru_cache(maxsize=128)
def _insertion(table: str, columns: tuple[str, ...], count: int) -> str:
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * count)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES {marks}"  # noqa: S608 - our names
