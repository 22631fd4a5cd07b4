"""The machine as the routes of costs show it."""

from pathlib import Path

import pytest

from hostd.domain.machine_costs import MachineSettings
from hostd.domain.profile import Price, Role
from hostd.gateway.machine_costs import assignment_rows, machine_row
from hostd.telemetry.database import Database
from hostd.telemetry.machine_history import MachineHistory
from hostd.telemetry.sinks import EnergyRecord
from tests.telemetry.test_machine_history import request


@pytest.fixture
def history(tmp_path: Path) -> MachineHistory:
    """Thirty answers of ten minutes, each beside the next."""
    database = Database(tmp_path / "hostd.db")
    database.write([request(1000.0 + 600 * at, route="fallback:queue_timeout") for at in range(30)])
    database.close()
    return MachineHistory(tmp_path / "hostd.db")


def test_what_the_owner_says_is_reckoned_with(history: MachineHistory) -> None:
    """Thirty times eight seconds of work, and thirty thousand tokens of prompts at a dollar a million."""
    row = machine_row(history, MachineSettings(100.0, 3600.0, 0.5), Price(1.0, 10.0), 0.0)
    assert row is not None
    assert (row["answers"], row["elsewhere_usd"], row["energy_measured"]) == (30, 0.06, False)
    assert (row["busy_hours"], row["energy_kwh"]) == (0.067, 0.24)
    assert row["breaks_even_in_days"] is None


def test_of_a_machine_nobody_speaks_of_nothing_is_shown(history: MachineHistory, tmp_path: Path) -> None:
    """Unless its cards count what they take."""
    assert machine_row(history, MachineSettings(), None, 0.0) is None
    database = Database(tmp_path / "hostd.db")
    database.write([EnergyRecord(2000.0, 7_200_000.0, 60.0)])
    database.close()
    row = machine_row(history, MachineSettings(), None, 0.0)
    assert row is not None
    assert (row["energy_kwh"], row["energy_measured"], row["energy_usd"]) == (2.0, True, None)


def test_an_assignment_that_looks_wrong(history: MachineHistory) -> None:
    """By the names that a program reads."""
    (row,) = assignment_rows(history, {"writer": Role("writer", ("first", "own"))}, 0.0)
    assert row.keys() == {"role", "what", "advice"}
    assert row["role"] == "writer"
