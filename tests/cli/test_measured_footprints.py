"""A plan without a daemon knows what loads took."""

from contextlib import closing
from pathlib import Path

import pytest

from hostd.cli.measured_footprints import measured_here
from hostd.paths import records_file
from hostd.telemetry.database import Database
from hostd.telemetry.sinks import FootprintRecord
from tests.telemetry.example_records import observed


def test_reads_this_users_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are any; nothing is made where there are none."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    assert () == measured_here().about(observed().key)
    assert not (tmp_path / "state").exists()
    with closing(Database(records_file())) as database:
        database.write([FootprintRecord(1.0, observed())])
    assert (observed(),) == measured_here().about(observed().key)
