"""What a model takes is learned from its loads: the daemon measures, and the next plan knows."""

import json
from pathlib import Path

from hostd.telemetry.sqlite_file import ask
from tests.journeys.host import profile, serving, until


def test_the_plan_after_two_loads_is_what_the_engine_holds(tmp_path: Path) -> None:
    """Within 2 %, with the tier and the error told; and the engine's log, wordier for it, has nothing of the prompt."""
    records = tmp_path / "state" / "hostd" / "ledger.sqlite"
    with serving(tmp_path, profile("learned", warm={"preload": False})) as host:
        before = json.loads(host.cli("plan", "learned", "--json").stdout)["models"][0]
        held = []
        for loads in (1, 2):
            assert 200 == host.chat("learned", "xyzzy " * 400).status
            until(lambda loads=loads: len(list(ask(records, "SELECT * FROM measurements"))) == loads)  # type: ignore[misc]
            held.append(host.row("learned")["pool_bytes"]["ram"])
            assert "xyzzy" not in host.cli("logs", "learned", "-n", "1000").stdout
            assert 0 == host.cli("unload", "learned").returncode
        after = json.loads(host.cli("plan", "learned", "--json").stdout)["models"][0]
    # Without a daemon, from the file.
    offline = json.loads(host.cli("plan", "learned", "--json").stdout)["models"][0]
    assert ("measured", after["pool_bytes"]) == (offline["tier"], offline["pool_bytes"])
    assert ("header", "measured") == (before["tier"], after["tier"])
    assert "measured" in after["why"]
    assert abs(after["pool_bytes"]["ram"]["expected"] / (sum(held) / 2) - 1) <= 0.02
