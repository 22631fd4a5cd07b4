"""What loads really took, as rows of the database; and the file in which earlier versions kept it, which is taken in once.

A plan reads them without a daemon, so this imports little. A row or line that cannot be read is skipped: it is only help.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hostd.domain.footprint import Component
from hostd.planning.footprint.calibration import Observation, ServingKey
from hostd.private_files import open_private
from hostd.telemetry.sqlite_file import ask

_LARGEST = 8 << 20
_WORDS = ("model", "kv_type", "build", "device", "flags")


class FootprintRow(NamedTuple):
    """An observation as text: its *key*, and what was predicted and *found* under it."""

    key: str
    found: str


def footprint_row(each: Observation) -> FootprintRow:
    """Return *each* as the values of its row."""
    key = {name: getattr(each.key, name) for name in ServingKey.__slots__}
    found = {"predicted": each.predicted, "measured": each.measured, "totals": each.totals}
    return FootprintRow(json.dumps(key), json.dumps(found))


def recorded_footprints(database: Path, older: Path) -> Iterator[Observation]:
    """Yield what is kept in *database*, oldest first, after what an earlier version left in the file *older*."""
    # In this order: it is taken into the database first, and renamed then.
    left = older_footprints(older)
    kept = [FootprintRow(*row) for row in ask(database, "SELECT key, found FROM measurements ORDER BY rowid")]
    taken_in = set(kept)
    yield from (each for each in left if footprint_row(each) not in taken_in)
    yield from (each for row in kept if (each := _observation(row)) is not None)


def older_footprints(older: Path) -> list[Observation]:
    """Return what the file *older* holds, a JSON object on each line; nothing where there is none."""
    try:
        with os.fdopen(open_private(older, os.O_RDONLY), "rb") as file:
            lines = file.read(_LARGEST).splitlines()
    except OSError:
        return []
    return [found for line in lines if (found := _of_line(line)) is not None]


def _of_line(line: bytes) -> Observation | None:
    try:
        row = json.loads(line)
        return _read(row["key"], row)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _observation(row: FootprintRow) -> Observation | None:
    try:
        return _read(json.loads(row.key), json.loads(row.found))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read(key: Any, found: Any) -> Observation:
    words = {name: str(key[name]) for name in _WORDS}
    totals = {str(pool): _count(count) for pool, count in found["totals"].items()}
    return Observation(
        ServingKey(**words, context=int(key["context"]), slots=int(key["slots"])),
        _parts(found["predicted"]),
        _parts(found["measured"]),
        totals,
    )


def _parts(given: Any) -> dict[str, dict[Component, int]]:
    return {
        str(pool): {Component(part): _count(count) for part, count in parts.items()} for pool, parts in given.items()
    }


def _count(given: Any) -> int:
    if not isinstance(given, int) or not 0 <= given < 1 << 50:
        raise ValueError(f"{given} is no number of bytes")
    return given
