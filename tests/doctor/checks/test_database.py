"""The check of the database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hostd.doctor.checks.database import check, gather, judge
from hostd.telemetry.database import MIGRATIONS, Database
from tests.doctor.machine import machine, only


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database as the daemon makes it."""
    path = tmp_path / "state/ledger.sqlite"
    Database(path).close()
    return path


def test_none_yet(tmp_path: Path) -> None:
    """And none is made by looking."""
    assert "skipped" == only(check(machine(tmp_path))).status
    assert not (tmp_path / "state").exists()


def test_a_sound_one_is_left_as_it_is(tmp_path: Path, database: Path) -> None:
    """No log and no index of it appear beside it."""
    before = sorted(path.name for path in database.parent.iterdir())
    assert "ok" == only(check(machine(tmp_path, patience=10.0))).status
    assert before == sorted(path.name for path in database.parent.iterdir())


def test_one_that_a_daemon_has_open(tmp_path: Path, database: Path) -> None:
    """It can be read meanwhile."""
    open_one = Database(database)
    assert "ok" == only(check(machine(tmp_path, patience=10.0))).status
    open_one.close()


def test_damaged_ones(tmp_path: Path, database: Path) -> None:
    """One that is no database, and one with a damaged page; the daemon begins anew, so they are warnings."""
    database.write_bytes(b"this is no database" * 100)
    assert ("warn", True) == (only(check(machine(tmp_path))).status, gather(database, 1.0).corrupt)
    database.unlink()
    with closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE t (a)")
        made.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 1000)
        made.commit()
    whole = bytearray(database.read_bytes())
    whole[4096 * 5 : 4096 * 6] = b"\xff" * 4096
    database.write_bytes(whole)
    assert gather(database, 10.0).corrupt


def test_a_later_version(tmp_path: Path, database: Path) -> None:
    """It is left alone, and an update is the remedy."""
    with closing(sqlite3.connect(database)) as later:
        later.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert "pip install --upgrade hostd" == only(check(machine(tmp_path))).remedy


def test_kept_responses_are_a_database_of_their_own(tmp_path: Path, database: Path) -> None:
    """Each is judged by itself."""
    database.with_name("responses.sqlite").write_bytes(b"this is no database" * 100)
    requests, responses = check(machine(tmp_path, patience=10.0))
    assert ("ok", "warn") == (requests.status, responses.status)
    assert "responses.sqlite" in responses.what


def test_one_that_cannot_be_opened(tmp_path: Path) -> None:
    """A folder in its place."""
    (tmp_path / "state/ledger.sqlite").mkdir(parents=True)
    assert "fail" == only(check(machine(tmp_path))).status


def test_a_large_one_is_checked_as_far_as_time_allows(database: Path) -> None:
    """It can be read, and that is said."""
    with closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE t (a)")
        made.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(60_000)])
        made.commit()
    facts = gather(database, 0.0)
    assert not facts.checked
    assert "ok" == only(judge(facts, len(MIGRATIONS))).status
