"""What loads took, in the database, and in the file of an earlier version."""

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from hostd.telemetry.database import Database
from hostd.telemetry.footprint_records import footprint_row, older_footprints, recorded_footprints
from hostd.telemetry.record_writer import RecordWriter
from hostd.telemetry.sinks import FootprintRecord
from tests.stage import until
from tests.telemetry.example_records import observed


def line(total: int) -> bytes:
    """Return a line as earlier versions wrote it."""
    key, found = footprint_row(observed(total))
    return json.dumps({"key": json.loads(key), **json.loads(found)}).encode()


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    """Oldest first; rows that another version wrote otherwise are left out, and so is a file that is none."""
    path, older = tmp_path / "ledger.sqlite", tmp_path / "measurements.jsonl"
    with closing(Database(path)) as database:
        database.write([FootprintRecord(1.0, observed(total)) for total in (1, 2)])
        database._connection.execute("INSERT INTO measurements VALUES (1.0, '{}', '[')")
    assert [observed(1), observed(2)] == list(recorded_footprints(path, older))
    path.write_bytes(b"no database")
    assert [] == list(recorded_footprints(path, older))


def test_a_damaged_file_of_before_loses_only_its_damage(tmp_path: Path) -> None:
    """Lines that cannot be read are skipped: half of one, another program's, a number that is none."""
    older, good = tmp_path / "measurements.jsonl", line(1)
    bad = [b"\xff\xfe", b"[]", b'{"key": 1}', good[: len(good) // 2], good.replace(b'"ram": 1}', b'"ram": -1}')]
    bad += [b"[" * 100_000, b"{" + b'"key": {}, "totals": [1]}']
    older.write_bytes(b"\n".join([*bad, good]))
    assert [observed(1)] == older_footprints(older)


async def test_the_file_of_before_is_taken_in_once(tmp_path: Path) -> None:
    """A plan knows its measurements before and after; what is measured since is newer than all of them."""
    path, older = tmp_path / "state" / "ledger.sqlite", tmp_path / "state" / "measurements.jsonl"
    older.parent.mkdir()
    older.write_bytes(line(1) + b"\n" + line(2))
    assert [observed(1), observed(2)] == list(recorded_footprints(path, older))
    for total in (3, 4):
        records = RecordWriter(path, older=older)
        records.start()
        await until(lambda: not older.exists())
        records.measured(observed(total))
        await asyncio.to_thread(records.close)
    assert [observed(total) for total in (1, 2, 3, 4)] == list(recorded_footprints(path, older))
    assert older.with_name("measurements.jsonl.taken-in").exists()


async def test_a_file_that_cannot_be_taken_in_is_read_on(tmp_path: Path) -> None:
    """While the database cannot be written; as soon as it can, the file is taken in."""
    path, older = tmp_path / "ledger.sqlite", tmp_path / "measurements.jsonl"
    older.write_bytes(line(1))
    path.mkdir()
    records = RecordWriter(path, older=older)
    records.start()
    records.measured(observed(2))
    assert [observed(1)] == list(recorded_footprints(path, older))
    path.rmdir()
    await until(lambda: not older.exists())
    await asyncio.to_thread(records.close)
    assert [observed(1), observed(2)] == list(recorded_footprints(path, older))


def test_a_plan_pays_for_no_more_than_it_needs() -> None:
    """What reads measurements imports neither the log nor the scheduler."""
    asked = "import sys, hostd.telemetry.footprint_records; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"structlog", "asyncio", "hostd.scheduling.decisions", "aiohttp"} & set(found)
