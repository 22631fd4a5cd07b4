"""What the records tell of the machine as a whole."""

from pathlib import Path

import pytest

from hostd.domain.assignments import RoleUse
from hostd.domain.costs import CostSums
from hostd.telemetry.database import Database
from hostd.telemetry.machine_history import MachineHistory
from hostd.telemetry.sinks import EnergyRecord, RequestRecord

DAY = 86_400.0


def request(at: float, *, model: str = "own", backend: str = "llamacpp", route: str = "primary") -> RequestRecord:
    """Return the record of an answer to the role that writes, which took ten seconds, two of them waiting."""
    waited, loaded, ttft, took, prompt, tokens, sent = 2.0, 1.0, 0.5, 10.0, 1000, 100, 200
    name = f"r{at}"
    cost = 0.01 if backend == "cloud" else None
    return RequestRecord(
        *(name, at, "own", model, backend, route, "answered", 200, None, False, waited, loaded, ttft, took, prompt),
        *(tokens, sent, cost, 1, (), None, "writer", None),
    )


@pytest.fixture
def history(tmp_path: Path) -> MachineHistory:
    """Two answers of the machine that overlap, one of a provider, and two minutes of energy."""
    path = tmp_path / "hostd.db"
    database = Database(path)
    database.write(
        [
            request(1000.0),
            request(1005.0),
            request(2000.0, model="big", backend="cloud", route="fallback:queue_timeout"),
            EnergyRecord(1060.0, 6000.0, 60.0),
            EnergyRecord(1120.0, 3000.0, 60.0),
        ]
    )
    database.close()
    return MachineHistory(path)


def test_when_the_machine_was_at_work(history: MachineHistory) -> None:
    """Seconds in which it answered count once, waiting for a slot not at all, nor what a provider did."""
    use = history.use(0.0, now=1000.0 + 2 * DAY)
    assert use is not None
    assert use.days == pytest.approx(2.0)
    assert use.busy_hours == pytest.approx((1015.0 - 1002.0) / 3600)
    assert use.joules == 9000.0
    assert use.measured_hours == pytest.approx(120 / 3600)
    assert history.own_answers(0.0) == CostSums(2, 2, 2, 2000, 200)


def test_a_day_that_has_begun_is_one(history: MachineHistory) -> None:
    """An hour says little of a day."""
    use = history.use(0.0, now=2000.0)
    assert use is not None
    assert use.days == 1.0


def test_without_records_nothing_is_known(history: MachineHistory, tmp_path: Path) -> None:
    """Neither later than all of them, nor without a file."""
    assert history.use(5000.0) is None
    absent = MachineHistory(tmp_path / "absent.db")
    assert (absent.use(0.0), absent.own_answers(0.0), absent.role_uses(0.0, {})) == (None, CostSums(), [])


def test_how_roles_use_models(history: MachineHistory) -> None:
    """With sums, and the most frequent reason of those that fell back."""
    big, own = history.role_uses(0.0, {"writer": ("own", "big")})
    assert own == RoleUse("writer", "own", True, False, 2, 2, 0, "", 4.0, 1.0, 2000, 200, 0.0)
    assert big == RoleUse("writer", "big", False, True, 1, 1, 1, "queue_timeout", 2.0, 0.5, 1000, 100, 0.01)
