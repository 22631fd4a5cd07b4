"""A time by which what is old may be deleted: the clock's, unless it has jumped and has not meant it for hours.

A clock may be years ahead until the network corrects it, at each boot of a machine without a battery, and whatever is deleted by
such a time is gone. So hours at which the daemon ran are noted in the file: after a jump, time stands still until a few have been
noted, and those that turn out to lie ahead are forgotten. A clock that is behind deletes nothing.
"""

import sqlite3
from itertools import pairwise

HOUR = 3600.0
HOURS = 6
"""So many hours have to be noted after a jump before something is deleted by the time that it led to."""
JUMP = 7 * 86400.0
"""Seconds between two noted hours that are taken for a jump, though the machine may have been off."""


def settled_time(db: sqlite3.Connection, now: float) -> float:
    """Note *now* (seconds since 1970) in the table ``clock (at REAL NOT NULL)``, and return the latest time that is believed.

    Raises:
        sqlite3.Error: The file could not be written.
    """
    # They lie ahead of a clock that was corrected; one that was set back by mistake costs some hours in which nothing is deleted.
    db.execute("DELETE FROM clock WHERE at > ?", (now,))
    db.execute("INSERT INTO clock SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM clock WHERE at > ?1 - ?2)", (now, HOUR))
    noted: list[float] = [at for (at,) in db.execute("SELECT at FROM clock ORDER BY at DESC LIMIT ?", (HOURS + 1,))]
    db.execute("DELETE FROM clock WHERE at < ?", noted[-1:])
    return now if all(later - before <= JUMP for later, before in pairwise(noted)) else noted[-1]
