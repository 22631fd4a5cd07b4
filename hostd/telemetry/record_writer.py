"""Writes records of requests, loads and decisions without costing any of them: they are put on a list, and a thread writes it down.

The thread alone owns the database. Whatever goes wrong with that, a full disk, a lock, a corrupt file, stays with the thread: it
is logged once and tried again later. Meanwhile the list is the memory of what was: it can be asked, and the oldest of it give way
and are counted. The last entries stay in memory after they are written, for a file that turns out to be lost: a new one begins with
them.
"""

import asyncio
import sqlite3
import time
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import structlog

from hostd.domain.budget import Owner
from hostd.planning.footprint.calibration import Observation
from hostd.private_files import why_unwritable
from hostd.scheduling.decisions import Charged, Decision
from hostd.scheduling.model_decisions import (
    Adopted,
    FailureHandled,
    LoadStarted,
    MemoryGranted,
    ModelReady,
    StopCompleted,
    WakeStarted,
)
from hostd.telemetry.database import Database, Entry, RetentionBounds
from hostd.telemetry.footprint_records import older_footprints
from hostd.telemetry.sinks import (
    ChargeRecord,
    FootprintRecord,
    LoadRecord,
    RequestRecord,
    Sink,
)
from hostd.telemetry.sqlite_file import UnknownDatabaseError, is_corrupt, set_aside

log = structlog.get_logger()

MOST_WAITING = 10_000
_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
"""Seconds for which entries are gathered, to be written in one transaction. A crash costs what was gathered."""
_PAUSE_AFTER = 50
"""A pause is so many times as long as the last transaction took: where that is much, fewer of them serve more requests."""
_BATCH = 2_000
_REMEMBERED = 500
"""Entries that stay in memory after they are written."""
_RETRY, _LONGEST_RETRY = 1.0, 60.0
_PRUNE_EVERY = 3600.0
_CHECK_EVERY = 60.0
"""Seconds between two looks at every page, where a reader could not use a file in which nothing wrong is found."""
_CLOSE_TIMEOUT = 3.0
"""Seconds that closing waits for the thread."""


class RecordWriter(Sink):
    """Keeps each request, each load and what it is told else. Until it is started, and where no file is given, it keeps nothing.

    What an earlier version left in the file *older* is kept once.
    """

    routes = False

    def __init__(
        self,
        path: Path | None = None,
        *,
        bounds: RetentionBounds | None = None,
        most: int = MOST_WAITING,
        older: Path | None = None,
    ) -> None:
        self.dropped = 0
        self._older = older
        self._path = path
        self._bounds = bounds or RetentionBounds()
        self._most = most
        self._open = False
        self._awake = False
        self._doubted = False
        self._waiting: deque[Entry] = deque(maxlen=most)
        self._writer: _Writer | None = None
        self._wake = Event()
        self._closing = Event()
        self._granted: dict[str, MemoryGranted] = {}
        self._started: dict[str, LoadStarted | WakeStarted | Adopted] = {}
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<RecordWriter {self._path}: {len(self._waiting)} waiting, {self.dropped} dropped>"

    def start(self) -> None:
        """Begin to keep entries; needs the running loop."""
        if self._path is not None:
            self._loop = asyncio.get_running_loop()
            self._open = True
            self._thread = Thread(target=self._run, args=(self._path,), name="records", daemon=True)
            self._thread.start()

    def decided(self, decision: Decision, at: float) -> None:
        """Keep what a request cost, and a load that ended well: how long it took, what it was given, and why it was begun."""
        match decision:
            case MemoryGranted(model=model):
                self._granted[model] = decision
            case LoadStarted(model=model) | WakeStarted(model=model) | Adopted(model=model):
                self._started[model] = decision
            case Charged():
                self.keep(_charge(decision, at))
            case FailureHandled(model=model) | StopCompleted(model=model):
                self._granted.pop(model, None)
                self._started.pop(model, None)
            case ModelReady(model=model, load_s=seconds):
                granted, started = self._granted.pop(model, None), self._started.pop(model, None)
                if isinstance(started, LoadStarted | None):  # nothing else says how long a load takes
                    variant, why = (started.variant or "", started.why) if started else ("", "")
                    self.keep(LoadRecord(at, model, variant, seconds, granted.needs if granted else {}, why))
            case _:
                pass

    def measured(self, found: Observation) -> None:
        """Keep what a load took some time soon; may be called from any thread."""
        self.keep(FootprintRecord(time.time(), found))

    def keep(self, record: Entry) -> None:
        """Keep *record* some time soon: put it on the list. Never waits, never fails."""
        if not self._open:
            return
        if len(self._waiting) >= self._most:
            self.dropped += 1
        self._waiting.append(record)
        if not self._awake:
            self._awake = True
            self._wake.set()

    finished = keep

    def recent(self) -> list[RequestRecord]:
        """Return the requests that are not in the file yet and the last of those that are, the oldest first."""
        # In this order: an entry goes from the first list to the second, and from there to the third.
        waiting, writer = list(self._waiting), self._writer
        batch, written = ([], ()) if writer is None else (list(writer.batch), writer.written)
        found = {id(entry): entry for entry in (*written, *batch, *waiting) if isinstance(entry, RequestRecord)}
        return list(found.values())

    def unreadable(self) -> None:
        """Look at the file soon, since a reader found it missing or corrupt; may be called from any thread."""
        self._doubted = True
        self._wake.set()

    def close(self) -> None:
        """Write what is left and close the file. Blocks for a few seconds at most, so it is called from a thread."""
        self._open = False
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT)

    def _run(self, path: Path) -> None:
        # Where nothing can be written to the folder at all, the daemon has said so at its start (`state_locked`).
        writer = _Writer(path, self._bounds, self._tell, is_told=why_unwritable(path.parent) is not None)
        self._writer = writer
        if self._older is not None:
            writer.take_in(self._older)
        wait, pause = _RETRY, _PAUSE
        while not self._closing.is_set() or self._waiting or writer.batch:
            self._await_entries(writer)
            self._closing.wait(pause)
            if self._doubted:
                self._doubted = False
                writer.check()
            if self._drain(writer):
                wait, pause = _RETRY, min(max(_PAUSE, _PAUSE_AFTER * writer.took), _LONGEST_PAUSE)
            elif self._closing.wait(wait):
                break
            else:
                wait = min(2 * wait, _LONGEST_RETRY)
        writer.close()

    def _await_entries(self, writer: "_Writer") -> None:
        """Return once there is something to do, at once while entries keep coming: they need not wake the thread then."""
        if not self._waiting and not writer.batch:
            # In this order: an entry that comes in between is found below, and one that comes after it wakes us.
            self._wake.clear()
            self._awake = False
            if not self._waiting and not self._doubted and not self._closing.is_set():
                self._wake.wait()

    def _drain(self, writer: "_Writer") -> bool:
        """Write the entries that wait now; return whether that succeeded. Those that come meanwhile are gathered again."""
        left = len(self._waiting)
        while writer.flush():
            if not left:
                return True
            most = min(left, _BATCH)
            # They are on one of the two lists at any time, since no other thread runs between the two ends of this step.
            writer.batch.extend(islice(iter(self._waiting.popleft, None), most))
            left -= most
        return False

    def _tell(self, event: str, **more: object) -> None:
        """Log from the loop's thread: lines of the log are written there alone, so that they cannot mix."""
        with suppress(RuntimeError):  # the loop has ended meanwhile
            if self._loop is not None:
                self._loop.call_soon_threadsafe(partial(log.warning, event, dropped=self.dropped, **more))


class _Tell(Protocol):
    def __call__(self, event: str, **more: object) -> None: ...


class _Writer:
    """The thread's side: opens the file when there is something to write, and again after trouble.

    *took* is how many seconds the last transaction took, *written* are the last entries that are in the file.
    """

    def __init__(self, path: Path, bounds: RetentionBounds, tell: _Tell, *, is_told: bool) -> None:
        self.batch: list[Entry] = []
        self.written: tuple[Entry, ...] = ()
        self.took = 0.0
        self._checked: float | None = None
        self._path = path
        self._bounds = bounds
        self._tell = tell
        self._database: Database | None = None
        self._pruned: float | None = None
        self._in_trouble = is_told
        self._older: Path | None = None

    def take_in(self, older: Path) -> None:
        """Write what an earlier version has measured, and rename its file."""
        try:
            measured = older.stat().st_mtime
        except OSError:
            return
        self._older = older
        self.batch.extend(FootprintRecord(measured, each) for each in older_footprints(older))
        self.flush()

    def flush(self) -> bool:
        """Write the batch and return whether nothing is left of it; log when that fails first, and when it works again."""
        if not self.batch:
            return True
        if self._database is not None and not self._database.is_in_place():
            self._open_again()
        try:
            self._database = self._database or Database(self._path)
            began = time.monotonic()
            self._database.write(self.batch)
            self.took = time.monotonic() - began
            self.written = (*self.written, *self.batch)[-_REMEMBERED:]
            self.batch = []
            self._taken_in()
            self._prune(self._database)
        except (sqlite3.Error, OSError, UnknownDatabaseError) as error:
            self.close()
            self._trouble(error)
            return not self.batch
        if self._in_trouble:
            self._in_trouble = False
            self._tell("records_kept_again", file=str(self._path))
        return True

    def check(self) -> None:
        """Look whether the file is whole, unless that was done just now."""
        now = time.monotonic()
        if self._database is not None and (self._checked is None or now - self._checked >= _CHECK_EVERY):
            self._checked = now
            self._open_again()

    def _open_again(self) -> None:
        """Open the file that is there now; where that is none, or not whole, a new one will begin with what was written last."""
        self.close()
        try:
            if not self._path.exists():
                self._tell("records_gone", file=str(self._path), why="the file was removed; a new one is begun")
                self._begin_anew()
                return
            self._database = Database(self._path)
            self._database.check()
        except (sqlite3.Error, OSError, UnknownDatabaseError) as error:
            self.close()
            self._trouble(error)

    def _begin_anew(self) -> None:
        # In this order, since others read both.
        self.batch = [*self.written, *self.batch]
        self.written = ()

    def _taken_in(self) -> None:
        if self._older is not None:
            # Where that fails, some are kept twice at the next start, and the oldest of them give way.
            with suppress(OSError):
                self._older.replace(self._older.with_name(f"{self._older.name}.taken-in"))
            self._older = None

    def _prune(self, database: Database) -> None:
        now = time.monotonic()
        if self._pruned is None or now - self._pruned > _PRUNE_EVERY:
            self._pruned = now
            database.prune(self._bounds)

    def _trouble(self, error: Exception) -> None:
        if is_corrupt(error):
            with suppress(OSError):
                aside = set_aside(self._path)
                self._tell("records_set_aside", file=str(aside), why=f"{error}; a new one is begun")
                self._begin_anew()
                return
        if not self._in_trouble:
            self._in_trouble = True
            why = getattr(error, "strerror", None) or error
            self._tell("records_not_kept", file=str(self._path), why=f"{why}; serving goes on, and this is tried again")

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None


def _charge(decision: Charged, at: float) -> ChargeRecord:
    owners = {each.owner: each.name for each in decision.accounts}
    named = (owners.get(each) for each in (Owner.KEY, Owner.ROLE, Owner.SESSION))
    return ChargeRecord(
        at,
        decision.provider or "",
        decision.model,
        decision.usd,
        decision.estimated,
        decision.ticket_id,
        decision.tokens,
        *named,
    )
