"""Which time may be deleted by."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from hostd.telemetry.settled_clock import HOUR, HOURS, settled_time

NOW = 1_763_636_400.0
YEAR = 365 * 86400.0


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """A file in which nothing is noted yet."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE clock (at REAL NOT NULL)")
        yield connection


def run(db: sqlite3.Connection, hours: int, begin: float) -> float:
    """Ask at the beginning of *hours* from *begin* on; return the last answer."""
    return [settled_time(db, begin + HOUR * hour) for hour in range(hours)][-1]


def test_follows_the_clock(db: sqlite3.Connection) -> None:
    """From the first moment on; and when a machine was off for days."""
    assert settled_time(db, NOW) == NOW
    assert settled_time(db, NOW + 1) == NOW + 1
    assert run(db, HOURS + 5, NOW) == NOW + HOUR * (HOURS + 4)
    assert settled_time(db, NOW + 5 * 86400) == NOW + 5 * 86400


def test_does_not_believe_a_jump(db: sqlite3.Connection) -> None:
    """Ahead for some hours, time and again; once it is corrected, what was noted ahead is forgotten."""
    settled_time(db, NOW)
    for boot in range(1, 5):
        assert run(db, HOURS - boot, NOW + boot * YEAR) <= NOW + HOUR * boot
        assert settled_time(db, NOW + HOUR * boot) == NOW + HOUR * boot
    assert run(db, HOURS + 1, NOW + 9 * YEAR) == NOW + 9 * YEAR + HOUR * HOURS


def test_does_not_believe_a_second_jump_by_the_first(db: sqlite3.Connection) -> None:
    """One that follows it before it is believed."""
    settled_time(db, NOW)
    for years in (1, 2, 3):
        assert run(db, 2, NOW + years * YEAR) == NOW


def test_keeps_few_hours(db: sqlite3.Connection) -> None:
    """The table does not grow."""
    run(db, 100, NOW)
    assert (HOURS + 1,) == db.execute("SELECT count(*) FROM clock").fetchone()
