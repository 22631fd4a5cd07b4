"""The database and its one writing connection."""

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from hostd.domain.model_choice import Difficulty, TaskType
from hostd.scheduling.model_decisions import Evicted
from hostd.scheduling.speed import Speed
from hostd.telemetry.database import MIGRATIONS, Database, RetentionBounds
from hostd.telemetry.footprint_records import recorded_footprints
from hostd.telemetry.settled_clock import HOURS
from hostd.telemetry.sinks import ChargeRecord, DecisionRecord, FootprintRecord, SpeedRecord
from hostd.telemetry.sqlite_file import UnknownDatabaseError
from tests.telemetry.example_decisions import example
from tests.telemetry.example_records import load, observed, request


def rows(path: Path, question: str) -> list[tuple[object, ...]]:
    """Return what the file answers."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


def test_keeps_requests_and_loads(tmp_path: Path) -> None:
    """Every number has its column, milliseconds for what passed; what is not known is null, and a route is cut at its reason."""
    path = tmp_path / "new" / "ledger.sqlite"
    with closing(Database(path)) as ledger:
        ledger.write(
            [
                request(
                    5.0,
                    route="fallback:crashed",
                    waited=3.0,
                    loaded=2.0,
                    client="agent",
                    cost=0.25,
                    key="agent",
                    role="planner",
                    session="talk",
                    difficulty=Difficulty(7, TaskType.CODE),
                ),
                request(6.0, model="none", backend="none", ttft=0.0, prompt_tokens=0, output_tokens=0, stream=False),
                load(7.0),
            ]
        )
    first, second = rows(path, "SELECT * FROM requests")
    assert (5.0, "req_1", "alpha", "alpha", "llamacpp", "fallback", "crashed", "answered", 200, "agent", 1) == first[
        :11
    ]
    assert (1000.0, 2000.0, 1000.0, 2000.0, 100, 51, 0.25, "agent", "planner", "talk", 7, "code") == first[11:]
    assert (6.0, "req_1", "alpha", None, None, "primary", None, "answered", 200, None, 0) == second[:11]
    assert (0.0, 0.0, None, 2000.0, None, None, None, None, None, None, None, None) == second[11:]
    assert [(7.0, "alpha", "llamacpp:a.gguf", 4.0, '{"cuda:0": 7}', "request")] == rows(path, "SELECT * FROM loads")


def test_has_no_column_for_what_was_said(tmp_path: Path) -> None:
    """Names, times and counts are all that there are places for; a client's label is cut to one."""
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path)) as ledger:
        ledger.write([request(client="a\nb" + "x" * 500), request(client="\n")])
    schema = " ".join(str(text) for (text,) in rows(path, "SELECT sql FROM sqlite_master"))
    assert not re.search("content|prompt_text|message|body|answer|text ", schema)
    assert [("ab" + "x" * 62,), (None,)] == rows(path, "SELECT client FROM requests")


def test_keeps_what_is_known_of_each(tmp_path: Path) -> None:
    """Also where nothing is known of its neighbours in the batch, in the order that they came in."""
    path = tmp_path / "ledger.sqlite"
    said = [None if at % 3 else f"talk {at}" for at in range(200)]
    with closing(Database(path)) as ledger:
        ledger.write([request(float(at), session=each) for at, each in enumerate(said)])
        ledger.write([request(200.0), request(201.0, client="agent", cost=0.0)])
    assert [*enumerate(said), (200, None), (201, None)] == rows(path, "SELECT at, session FROM requests ORDER BY rowid")
    assert [(201, "agent", 0.0)] == rows(path, "SELECT at, client, cost_usd FROM requests WHERE cost_usd IS NOT NULL")


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    """One row that cannot be kept leaves none of its batch behind, and the next batch is kept."""
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path)) as ledger:
        with pytest.raises(sqlite3.Error):
            ledger.write([request(), load(seconds=None)])  # type: ignore[arg-type]  # that is the mistake
        ledger.write([request(9.0)])
    assert [(9.0,)] == rows(path, "SELECT at FROM requests")


def test_opens_what_it_wrote(tmp_path: Path) -> None:
    """The version stands in the file; a second opening changes nothing, and a later version is left alone."""
    path = tmp_path / "ledger.sqlite"
    for _ in range(2):
        with closing(Database(path)) as ledger:
            ledger.write([request()])
    assert [(len(MIGRATIONS),)] == rows(path, "PRAGMA user_version")
    assert [(2,)] == rows(path, "SELECT count(*) FROM requests")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(UnknownDatabaseError, match=r"it is of version \d+; this hostd knows \d+"):
        Database(path)


VERSION_1 = """
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
INSERT INTO requests VALUES (
    5.0, 'req_0', 'alpha', 'alpha', 'llamacpp', 'primary', NULL, 'answered', 200, NULL, 1, 0, 0, 1.0, 2.0, 100, 51
);
PRAGMA user_version = 1;
"""
"""A file as the first hostd wrote it: written out, since this must not change with the code."""
FURTHER = "ALTER TABLE requests ADD COLUMN further REAL"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of version 1 with one request in it."""
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    return path


def test_goes_on_with_a_file_of_version_1(old: Path) -> None:
    """Its rows stay, it is of today's version, and has the tables and indexes of a new file."""
    with closing(Database(old)) as ledger:
        ledger.write([request(6.0), load(7.0)])
    assert [(5.0,), (6.0,)] == rows(old, "SELECT at FROM requests ORDER BY at")
    assert [(len(MIGRATIONS),)] == rows(old, "PRAGMA user_version")
    new = old.with_name("new.sqlite")
    Database(new).close()
    schema = "SELECT type, name FROM sqlite_master ORDER BY name"
    assert rows(new, schema) == rows(old, schema)


def test_a_migration_is_run_once(old: Path) -> None:
    """Columns are named, so that rows are written to a file which has more of them, and rows from before have null there."""
    for at in (6.0, 7.0):
        with closing(Database(old, (*MIGRATIONS, FURTHER))) as ledger:
            ledger.write([request(at)])
    assert [(5.0, None), (6.0, None), (7.0, None)] == rows(old, "SELECT at, further FROM requests ORDER BY at")
    assert [(len(MIGRATIONS) + 1,)] == rows(old, "PRAGMA user_version")


def test_a_migration_that_fails_changes_nothing(old: Path) -> None:
    """The file stays of its version, whole, for a hostd that knows how to go on."""
    with pytest.raises(sqlite3.Error):
        Database(old, (*MIGRATIONS, f"{FURTHER}; ALTER TABLE nothing ADD COLUMN x"))
    assert [(len(MIGRATIONS),)] == rows(old, "PRAGMA user_version")
    assert 23 == len(rows(old, "PRAGMA table_info(requests)"))


def test_is_bounded_in_bytes(tmp_path: Path) -> None:
    """The oldest rows give way, the file itself gets smaller, and what was paid today is still known."""
    path, now = tmp_path / "ledger.sqlite", time.time()
    with closing(Database(path)) as ledger:
        ledger.write([request(now - 20_000 + at) for at in range(20_000)])
        ledger.write([ChargeRecord(now, "anthropic", "alpha", 0.5, estimated=False)])
        ledger.prune(RetentionBounds(size=500_000))
        assert path.stat().st_size <= 500_000
        assert path.with_name(f"{path.name}-wal").stat().st_size < 100_000
        ((count, newest),) = rows(path, "SELECT count(*), max(at) FROM requests")
        assert 0 < int(str(count)) < 20_000
        assert now - 1 == newest
    assert [(0.5,)] == rows(path, "SELECT usd FROM charges")


def test_an_older_file_becomes_one_that_can_shrink(tmp_path: Path) -> None:
    """It was made without room for that, and is rewritten once."""
    path, now = tmp_path / "ledger.sqlite", time.time()
    with closing(sqlite3.connect(path)) as older:
        older.executescript(
            "; ".join(MIGRATIONS) + f"; PRAGMA user_version = {len(MIGRATIONS)}; PRAGMA journal_mode = WAL"
        )
    with closing(Database(path)) as ledger:
        ledger.write([request(now - 20_000 + at) for at in range(20_000)])
        ledger.prune(RetentionBounds(size=500_000))
    assert path.stat().st_size <= 500_000
    assert [(2,)] == rows(path, "PRAGMA auto_vacuum")


def test_forgets_the_oldest(tmp_path: Path) -> None:
    """What is over the bound of rows or of days goes, of both tables."""
    path, now = tmp_path / "ledger.sqlite", time.time()
    with closing(Database(path)) as ledger:
        ledger.write([request(now - 86400 * age) for age in (9, 3, 2, 1)] + [load(now - 86400 * age) for age in (9, 1)])
        ledger.prune(RetentionBounds(days=5))
        assert [(3,)] == rows(path, "SELECT count(*) FROM requests")
        assert [(1,)] == rows(path, "SELECT count(*) FROM loads")
        ledger.prune(RetentionBounds(rows=2))
    assert [(now - 86400 * 2,), (now - 86400,)] == rows(path, "SELECT at FROM requests ORDER BY at")


def test_bounds_what_is_known_by_its_kinds(tmp_path: Path) -> None:
    """Of the same serving the last measurements stay, however old, and one speed of each model; decisions go by their age."""
    path, now = tmp_path / "ledger.sqlite", time.time()
    decision = DecisionRecord(now - 9 * 86400, example(Evicted))
    with closing(Database(path)) as ledger:
        ledger.write([FootprintRecord(1.0, observed(total)) for total in range(11)])
        ledger.write([SpeedRecord(now, "m", "p", Speed(reads=rate)) for rate in (1.0, 2.0)])
        ledger.write([decision, decision._replace(at=now)])
        ledger.prune(RetentionBounds(days=5), now)
        assert [(now,)] == rows(path, "SELECT at FROM decisions")
        ledger.prune(RetentionBounds(size=1), now)
    assert [] == rows(path, "SELECT at FROM decisions")
    assert list(range(3, 11)) == [each.totals["ram"] for each in recorded_footprints(path, tmp_path / "none")]
    assert [("m", 2.0)] == rows(path, "SELECT model, reads FROM speeds")


def test_a_clock_far_ahead_deletes_nothing(tmp_path: Path) -> None:
    """Nor one that is set back and forth; by a clock that has shown the same time for hours, what is old goes."""
    path, now, year = tmp_path / "ledger.sqlite", time.time(), 365 * 86400
    bounds = RetentionBounds(days=180)
    with closing(Database(path)) as ledger:
        ledger.write([request(now - 86400 * age) for age in (200, 100, 0)])
        ledger.prune(bounds, now)
        for wrong in (now + year, now + year + 3600, 0.0, now + 3 * year, 5000.0):
            ledger.prune(bounds, wrong)
        assert [(now - 86400 * 100,), (now,)] == rows(path, "SELECT at FROM requests ORDER BY at")
        for hour in range(HOURS + 1):
            ledger.prune(bounds, now + year + 3600 * hour)
        assert [] == rows(path, "SELECT at FROM requests")


def test_a_full_file_leaves_what_was_paid_this_month(tmp_path: Path) -> None:
    """Also while the clock is a year ahead: the oldest rows of all other tables give way to it."""
    path, now = tmp_path / "ledger.sqlite", time.time()
    with closing(Database(path)) as ledger:
        ledger.write([ChargeRecord(now, "anthropic", "alpha", 0.5, estimated=False) for _ in range(500)])
        ledger.prune(RetentionBounds(), now)
        ledger.prune(RetentionBounds(size=1), now + 365 * 86400)
    assert [(500,)] == rows(path, "SELECT count(*) FROM charges")


def test_a_file_of_before_is_not_pruned_by_a_clock_far_ahead(old: Path) -> None:
    """Its last request tells about when it is."""
    with closing(Database(old)) as ledger:
        ledger.prune(RetentionBounds(days=180), 365 * 86400.0)
        assert [(5.0,)] == rows(old, "SELECT at FROM requests")
