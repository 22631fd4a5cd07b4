"""``hostd.cli.simulation_host``."""

from pathlib import Path

import pytest

from hostd.cli.exits import Code, VerbError
from hostd.cli.shipped_profiles import shipped
from hostd.cli.simulation_host import pick, simulated_host
from hostd.config.load import load
from hostd.domain.host import Reserve
from hostd.hardware.simulated import preset
from hostd.paths import records_file
from hostd.telemetry.database import Database
from hostd.telemetry.sinks import LoadRecord
from tests.cli.models import GIB, declare

CARD = preset("rtx3090", Reserve())


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was measured on this machine, and no hub is asked."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_simulated_host_has_the_models_that_fit(bare_home: Path) -> None:
    """Each with what it takes and how fast it is; one that is too large for the machine is not there."""
    declare(bare_home, "small", 4)
    declare(bare_home, "huge", 400)
    host = simulated_host(list(load().profiles.values()), CARD, here=False)
    assert ["small"] == list(host.models)
    small = host.models["small"]
    assert 4 * GIB < small.bytes < 8 * GIB
    assert 80 < small.speeds[0].output < 200
    assert 2 == small.capacity


def test_measured_loads_count_on_this_machine_alone(bare_home: Path) -> None:
    """Another machine reads weights at its own speed."""
    path = declare(bare_home, "small", 4)
    ledger = Database(records_file())
    ledger.write([LoadRecord(1.0, "small", f"llamacpp:{path.name}", 2.5, {}, "request")])
    ledger.close()
    profiles = list(load().profiles.values())
    seconds = [
        simulated_host(profiles, CARD, here=here).models["small"].options[0].load_seconds for here in (True, False)
    ]
    assert 2.5 == seconds[0]
    assert 2.5 != seconds[1]


def test_what_ships_is_there_without_any_file() -> None:
    """A newcomer can simulate before declaring anything."""
    host = simulated_host(shipped(), CARD, here=False)
    assert {"qwen3-coder-30b", "qwen3-embedding-0.6b"} <= set(host.models)


def test_models_are_picked_by_name(bare_home: Path) -> None:
    """One that is not there is an unknown model."""
    declare(bare_home, "small", 4)
    host = simulated_host(list(load().profiles.values()), CARD, here=False)
    assert ["small"] == list(pick(host, ["small"]).models)
    with pytest.raises(
        VerbError, match="'large' is not declared or does not fit on this machine; there are small"
    ) as caught:
        pick(host, ["large"])
    assert Code.UNKNOWN_MODEL == caught.value.code
