"""SQLite files are private, brought up to date, and set aside where they are broken."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hostd.telemetry.sqlite_file import HeldFile, UnknownDatabaseError, ask, connect, is_corrupt, set_aside

MIGRATIONS = ("CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y")


def test_a_file_has_seen_each_migration_once(tmp_path: Path) -> None:
    """One that is opened again goes on where it was; one of a later version is left alone."""
    path = tmp_path / "ledger.sqlite"
    for known in (MIGRATIONS[:1], MIGRATIONS, MIGRATIONS):
        with closing(connect(path, known)) as db:
            assert (len(known),) == db.execute("PRAGMA user_version").fetchone()
    with pytest.raises(UnknownDatabaseError):
        connect(path, MIGRATIONS[:1])


def test_tells_a_spoilt_file_from_other_trouble(tmp_path: Path) -> None:
    """A file that is no database is beyond repair and is moved out of the way; a folder in its place, or a lock, is not."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database at all" * 100)
    path.with_name("ledger.sqlite-wal").touch()
    with pytest.raises(sqlite3.DatabaseError) as raised:
        connect(path, MIGRATIONS)
    assert is_corrupt(raised.value)
    aside = set_aside(path)
    assert [aside] == list(tmp_path.iterdir())
    assert aside.name.startswith("ledger.sqlite.spoilt-")
    path.mkdir()
    with pytest.raises(OSError, match="directory") as other:
        connect(path, MIGRATIONS)
    assert not is_corrupt(other.value)
    assert not is_corrupt(OSError("no"))


def test_a_file_that_is_no_longer_in_place_is_found(tmp_path: Path) -> None:
    """Removed, replaced by another, or overwritten; what is written to it otherwise changes nothing."""
    path = tmp_path / "ledger.sqlite"
    for harm in (path.unlink, lambda: path.with_name("other").replace(path), lambda: path.write_bytes(b"no database")):
        path.unlink(missing_ok=True)
        with closing(connect(path, MIGRATIONS)) as db, closing(HeldFile(path)) as held:
            db.execute("INSERT INTO a (x) VALUES (1)")
            path.with_name("other").write_bytes(path.read_bytes())
            assert held.is_in_place()
            harm()
            assert not held.is_in_place()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Nor is a pipe waited for; what is not there is told."""
    told: list[str] = []
    with closing(connect(tmp_path / "real.sqlite", MIGRATIONS)) as db:
        db.execute("INSERT INTO a (x) VALUES (1)")
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "real.sqlite")
    os.mkfifo(tmp_path / "pipe.sqlite")
    for name, expected in (("real", [(1,)]), ("link", []), ("pipe", []), ("absent", [])):
        path = tmp_path / f"{name}.sqlite"
        assert expected == list(ask(path, "SELECT x FROM a", unreadable=lambda: told.append(path.name)))  # noqa: B023
    assert ["absent.sqlite"] == told


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """The database, its log and its index, whatever the umask; also those that an earlier version left open to all."""
    path = tmp_path / "state" / "ledger.sqlite"
    before = os.umask(0)
    try:
        for _ in range(2):
            database = connect(path, MIGRATIONS)
            modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
            for each in path.parent.iterdir():
                each.chmod(0o644)
            database.close()
            assert {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"} == modes.keys()
            assert {0o600} == set(modes.values())
    finally:
        os.umask(before)
