"""Keeping records costs requests nothing."""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from hostd.domain.reason import ExitClass
from hostd.scheduling.model_decisions import FailureHandled, LoadStarted, MemoryGranted, ModelReady, WakeStarted
from hostd.telemetry.database import Database, Entry, RetentionBounds
from hostd.telemetry.history import RequestHistory
from hostd.telemetry.record_writer import RecordWriter
from tests.stage import until
from tests.telemetry.example_records import request

NOW = float(int(time.time()))
"""Old records would be forgotten at once."""


def kept(path: Path) -> list[float]:
    """Return when the requests came that are kept in *path*, in seconds after `NOW`."""
    return [asked.at - NOW for asked in RequestHistory(path).requests()]


@pytest.fixture
def said() -> Iterator[list[structlog.typing.EventDict]]:
    """What is logged meanwhile."""
    with structlog.testing.capture_logs() as lines:
        yield lines


async def closed(records: RecordWriter) -> None:
    """Close *records* the way that the daemon does, and let what it says be said."""
    await asyncio.to_thread(records.close)
    await asyncio.sleep(0)


async def test_keeps_what_comes(tmp_path: Path) -> None:
    """A request is in the file soon after it is over, and those of the last moment when it is closed."""
    path = tmp_path / "state" / "ledger.sqlite"
    records = RecordWriter(path)
    records.start()
    records.finished(request(NOW + 1.0))
    await until(lambda: kept(path))
    for at in range(2, 5000):
        records.finished(request(NOW + at))
    await closed(records)
    assert [float(at) for at in range(1, 5000)] == kept(path)
    assert f"<RecordWriter {path}: 0 waiting, 0 dropped>" == repr(records)


async def test_writes_less_often_where_that_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in a second where a transaction takes a moment; all that came meanwhile is in the next one."""
    path, write, batches = tmp_path / "ledger.sqlite", Database.write, []

    def slow(database: Database, entries: list[Entry]) -> None:
        batches.append(len(entries))
        write(database, entries)
        time.sleep(0.03)

    monkeypatch.setattr(Database, "write", slow)
    records = RecordWriter(path)
    records.start()
    for at in range(80):
        records.finished(request(NOW + at))
        await asyncio.sleep(0.01)
    await closed(records)
    assert 3 >= len(batches)
    assert [float(at) for at in range(80)] == kept(path)


async def test_keeps_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    """Without a file, before the start and after the end, nothing is kept and nothing fails."""
    nowhere, records = RecordWriter(), RecordWriter(tmp_path / "ledger.sqlite")
    nowhere.start()
    nowhere.finished(request())
    records.finished(request())
    await closed(nowhere)
    await closed(records)
    records.finished(request())
    assert not (tmp_path / "ledger.sqlite").exists()


async def test_keeps_loads_that_the_desk_saw(tmp_path: Path) -> None:
    """A ready engine is a load: its time, with the variant, the memory and the reason that were told when it began."""
    path = tmp_path / "ledger.sqlite"
    records = RecordWriter(path)
    records.start()
    started = LoadStarted("m", "request", "llamacpp:m.gguf", queued=1, restarts=0)
    granted = MemoryGranted("m", "request", "llamacpp:m.gguf", {"cuda:0": 7}, {"cuda:0": 9}, 0.0, ())
    failed = FailureHandled("m", ExitClass.UNKNOWN, "it died", loading=True, in_a_row=1, again_in_s=None)
    for decision in (granted, started, ModelReady("m", 2.5, slots=1, queued=0), started, failed):
        records.decided(decision, NOW)
    records.decided(ModelReady("m", 0.5, slots=1, queued=0), NOW)
    woken = WakeStarted("m", "request", "llamacpp:m.gguf", queued=1, restarts=0)
    for later in (granted, woken, ModelReady("m", 0.1, slots=1, queued=0)):
        records.decided(later, NOW)
    await closed(records)
    with closing(sqlite3.connect(path)) as connection:
        first, second = connection.execute("SELECT model, variant, seconds, bytes, why FROM loads").fetchall()
    assert ("m", "llamacpp:m.gguf", 2.5, '{"cuda:0": 7}', "request") == first
    assert ("m", "", 0.5, "{}", "") == second


async def test_drops_and_counts_what_is_too_much(tmp_path: Path) -> None:
    """While the file is held by another, the oldest give way beyond the bound; the rest is kept as soon as that is possible."""
    path = tmp_path / "ledger.sqlite"
    Database(path).close()
    records = RecordWriter(path, most=5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        records.start()
        began = time.perf_counter()
        for at in range(8):
            records.finished(request(NOW + at))
        assert time.perf_counter() - began < 1
        assert 3 == records.dropped
        other.execute("ROLLBACK")
    await closed(records)
    assert [3.0, 4.0, 5.0, 6.0, 7.0] == kept(path)


async def test_sets_a_spoilt_file_aside(tmp_path: Path, said: list[structlog.typing.EventDict]) -> None:
    """It is logged once, the file stays to be looked at, and a new one takes what comes, the first included."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database" * 100)
    records = RecordWriter(path)
    records.start()
    records.finished(request(NOW + 1.0))
    await until(lambda: kept(path))
    await closed(records)
    (line,) = said
    assert "records_set_aside" == line["event"]
    assert b"no database" * 100 == await asyncio.to_thread(Path(line["file"]).read_bytes)


@pytest.mark.parametrize(("harm", "told"), [("overwritten", "records_set_aside"), ("removed", "records_gone")])
async def test_a_file_lost_while_it_is_used_is_begun_anew(
    tmp_path: Path, said: list[structlog.typing.EventDict], harm: str, told: str
) -> None:
    """A connection goes on with the pages that it remembers; what was written last and what comes is in the new file."""
    path = tmp_path / "ledger.sqlite"
    records = RecordWriter(path)
    history = RequestHistory(path, records.recent, records.unreadable)
    records.start()
    records.finished(request(NOW + 1.0, id="one"))
    await until(lambda: kept(path))
    if harm == "removed":
        path.unlink()
    else:
        for part in (path, path.with_name("ledger.sqlite-wal")):
            part.write_bytes(os.urandom(part.stat().st_size))
    records.finished(request(NOW + 2.0, id="two"))
    assert ["two", "one"] == [each.id for each in history.recorded(9)]
    await until(lambda: kept(path))
    assert ["two", "one"] == [each.id for each in history.recorded(9)]
    await closed(records)
    assert [1.0, 2.0] == kept(path)
    assert [told] == [line["event"] for line in said]


async def test_another_program_may_look_at_the_file(tmp_path: Path) -> None:
    """Its SQLite would remove the log as it ends, as the last that has the file open, if reading here had given up our lock."""
    path = tmp_path / "ledger.sqlite"
    records = RecordWriter(path)
    history = RequestHistory(path)
    records.start()
    look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM requests').fetchone()"
    for at in range(1, 4):
        records.finished(request(NOW + at))
        await until(lambda: at == len(history.recorded(9)))  # noqa: B023 - called at once
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", look, str(path))
        assert 0 == await other.wait()
    await closed(records)


async def test_what_only_a_reader_finds_corrupt_is_set_aside(
    tmp_path: Path, said: list[structlog.typing.EventDict]
) -> None:
    """The writer looks at every page then, without an entry to write."""
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path)) as database:
        database.write([request(NOW + at) for at in range(2000)])
    records = RecordWriter(path)
    history = RequestHistory(path, records.recent, records.unreadable)
    records.start()
    records.finished(request(NOW + 2000.0))
    await until(lambda: 2001 == len(kept(path)))
    with path.open("r+b") as file:
        file.seek(-65536, os.SEEK_END)
        file.write(os.urandom(65536))
    history.recorded(2001)
    await until(lambda: [2000.0] == kept(path))
    await closed(records)
    assert ["records_set_aside"] == [line["event"] for line in said]


async def test_a_file_without_fault_is_looked_at_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever readers say of it: that takes long where it is large."""
    path, look = tmp_path / "ledger.sqlite", Database.check
    looks: list[Database] = []

    def looked(database: Database) -> None:
        looks.append(database)
        look(database)

    monkeypatch.setattr(Database, "check", looked)
    records = RecordWriter(path)
    records.start()
    for at in range(3):
        records.finished(request(NOW + at))
        await until(lambda: at + 1 == len(kept(path)))  # noqa: B023 - called at once
        records.unreadable()
    await closed(records)
    assert 1 == len(looks)
    assert [0.0, 1.0, 2.0] == kept(path)


async def test_trouble_with_the_file_hurts_no_request(tmp_path: Path, said: list[structlog.typing.EventDict]) -> None:
    """A place that cannot be written is told of once; when it can be, that is told too, and nothing was lost meanwhile."""
    path = tmp_path / "ledger.sqlite"
    path.mkdir()
    records = RecordWriter(path)
    records.start()
    records.finished(request(NOW + 1.0))
    await until(lambda: said)
    path.rmdir()
    records.finished(request(NOW + 2.0))
    await until(lambda: kept(path))
    await closed(records)
    assert ["records_not_kept", "records_kept_again"] == [line["event"] for line in said]
    assert said[0]["why"].endswith("; serving goes on, and this is tried again")
    assert "Errno" not in said[0]["why"]
    assert [1.0, 2.0] == kept(path)


async def test_a_folder_that_cannot_be_written_is_the_daemons_to_tell(
    tmp_path: Path, said: list[structlog.typing.EventDict]
) -> None:
    """It does so at its start, for all that would be kept there; what was kept back is written once that works again."""
    path = tmp_path / "state" / "ledger.sqlite"
    path.parent.write_text("in the way")
    records = RecordWriter(path)
    records.start()
    records.finished(request(NOW + 1.0))
    await asyncio.sleep(0.3)
    assert [] == said
    path.parent.unlink()
    await until(lambda: kept(path))
    await closed(records)
    assert ["records_kept_again"] == [line["event"] for line in said]


async def test_what_cannot_be_written_can_be_asked_for(tmp_path: Path) -> None:
    """The last requests and each by its id, beside those of the file, none twice."""
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path)) as database:
        database.write([request(NOW + 1.0, id="one")])
    records = RecordWriter(path)
    history = RequestHistory(path, records.recent, records.unreadable)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        records.start()
        records.finished(request(NOW + 2.0, id="two"))
        records.finished(request(NOW + 3.0, id="three"))
        assert ["three", "two", "one"] == [each.id for each in history.recorded(9)]
        assert ["three"] == [each.id for each in history.recorded(1)]
        assert history.find("two") is not None
        other.execute("ROLLBACK")
    await closed(records)
    assert ["three", "two", "one"] == [each.id for each in history.recorded(9)]


async def test_gives_up_at_the_end(tmp_path: Path) -> None:
    """Closing does not wait for a file that cannot be written."""
    path = tmp_path / "ledger.sqlite"
    path.mkdir()
    records = RecordWriter(path)
    records.start()
    records.finished(request())
    began = time.perf_counter()
    await closed(records)
    assert time.perf_counter() - began < 2


async def test_leaves_a_later_version_alone(tmp_path: Path, said: list[structlog.typing.EventDict]) -> None:
    """A file from a newer hostd is neither changed nor set aside."""
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    records = RecordWriter(path)
    records.start()
    records.finished(request())
    await until(lambda: said)
    await closed(records)
    assert before == path.read_bytes()
    assert said[0]["why"].startswith("it is of version 99; this hostd knows ")


async def test_keeps_within_bounds(tmp_path: Path) -> None:
    """What is too old is forgotten with the first batch."""
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path)) as ledger:
        ledger.write([request(1.0), request(time.time())])
    records = RecordWriter(path, bounds=RetentionBounds(days=1))
    records.start()
    records.finished(request(time.time()))
    await closed(records)
    assert 2 == len(kept(path))


async def test_a_note_is_cheap(tmp_path: Path) -> None:
    """It is an entry on a list, microseconds at most, with the thread at work."""
    records = RecordWriter(tmp_path / "ledger.sqlite", most=100_000)
    records.start()
    entry, count = request(), 20_000
    began = time.thread_time()
    for _ in range(count):
        records.finished(entry)
    each = (time.thread_time() - began) / count
    await closed(records)
    assert each < 20e-6
