"""Whether the databases, of requests and of kept responses, can be read and are of versions that this hostd knows."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, failed, fine, skipped, warned
from hostd.gateway.responses import store
from hostd.paths import records_file, responses_file
from hostd.telemetry import database
from hostd.telemetry.sqlite_file import check_pages, is_corrupt

_KNOWN = {records_file().name: len(database.MIGRATIONS), responses_file().name: len(store.MIGRATIONS)}
"""The newest version of each that this hostd knows."""
_STEPS = 20_000
"""SQLite's instructions between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database: *version* None where it could not be read for *error*; *checked* whether every page was looked at."""

    path: str
    version: int | None = None
    error: str = ""
    corrupt: bool = False
    checked: bool = True


def check(context: CheckContext) -> Findings:
    """Return what is wrong with the databases."""
    there = [path for path in (context.state / name for name in _KNOWN) if path.exists()]
    if not there:
        return skipped("there is no database of requests yet", "the daemon makes it at its first start")
    seconds = context.program_patience / len(there)
    return tuple(finding for path in there for finding in judge(gather(path, seconds), _KNOWN[path.name]))


def gather(path: Path, seconds: float) -> DatabaseFacts:
    """Return what SQLite says of *path*, of as much as can be read in so many *seconds*; nothing is written."""
    # Without a log beside it no program has it open; to be told so keeps SQLite from making one.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    deadline = time.monotonic() + seconds
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=0.2)) as opened:
            opened.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            (version,) = opened.execute("PRAGMA user_version").fetchone()
            return _checked(opened, str(path), int(version))
    except sqlite3.Error as error:
        return DatabaseFacts(str(path), error=str(error), corrupt=is_corrupt(error))


def _checked(opened: sqlite3.Connection, path: str, version: int) -> DatabaseFacts:
    try:
        check_pages(opened)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
            raise
        return DatabaseFacts(path, version=version, checked=False)
    return DatabaseFacts(path, version=version)


def judge(facts: DatabaseFacts, known: int) -> Findings:
    """Return the finding on one database, of which this hostd knows versions up to *known*."""
    if facts.corrupt:
        why = f"SQLite says: {facts.error}; a daemon sets it aside, at its start at the latest, and begins a new one"
        return (warned(f"{facts.path} is damaged", why, "start the daemon anew: hostd serve"),)
    if facts.error:
        return (failed(f"{facts.path} cannot be read", f"SQLite says: {facts.error}", f"ls -l {facts.path}"),)
    if (facts.version or 0) > known:
        why = f"it is of version {facts.version}, and this hostd knows {known}, so nothing is kept there"
        return (warned(f"a later hostd has written {facts.path}", why, "pip install --upgrade hostd"),)
    sound = "is sound" if facts.checked else "can be read, and is too large to be checked as a whole"
    return fine(f"{Path(facts.path).name} {sound}")
