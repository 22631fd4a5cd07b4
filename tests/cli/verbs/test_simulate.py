"""``hostd simulate``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.models import declare
from tests.cli.recorded import Ran

Hostd = Callable[..., Ran]
BRIEFLY = ("--host", "rtx3090", "--hours", "0.5")


@pytest.fixture(autouse=True)
def owner(bare_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner with two large models, a small one, and nothing recorded."""
    monkeypatch.setenv("STATE_DIRECTORY", str(bare_home / "state"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "160")
    for name, gib in (("coder", 16), ("planner", 14), ("fast", 1.5)):
        declare(bare_home, name, gib)


def test_all_policies_stand_side_by_side(hostd: Hostd) -> None:
    """A line each, hostd's first; who was chosen is told on stderr."""
    ran = hostd("simulate", "alternating", *BRIEFLY)
    assert 0 == ran.code
    head, *lines = ran.out.splitlines()
    assert ["POLICY", "REQUESTS", "LOADS", "EVICTIONS"] == head.split()[:4]
    assert ["hostd", "lru-count", "lru-memory", "shortest-keepalive", "static-groups"] == [
        line.split()[0] for line in lines
    ]
    assert "coder and planner do not fit together; beside them there are fast" in ran.err


def test_policies_are_chosen_and_printed_as_json(hostd: Hostd) -> None:
    """In the order of the table, however they are named; the seed makes the day."""
    option = ("--policy", "static-groups", "--policy", "hostd", "--json")
    first, again, other = (hostd("simulate", "steady", *BRIEFLY, *option, "--seed", seed).out for seed in "112")
    told = json.loads(first)
    assert ["trace", "models", "policies"] == list(told)
    assert ["hostd", "static-groups"] == [each["policy"] for each in told["policies"]]
    assert 0 == told["policies"][0]["overcommits"]
    assert first == again
    assert first != other


def test_a_public_trace_is_replayed_on_the_owner_s_models(hostd: Hostd) -> None:
    """Its roles are theirs."""
    ran = hostd("simulate", "azure-2023", "--host", "rtx3090", "--policy", "hostd", "--json")
    told = json.loads(ran.out)
    assert ["coder", "fast", "planner"] == sorted(told["models"])
    assert 1763 == told["policies"][0]["requests"]


def test_a_trace_is_written_and_replayed(hostd: Hostd, tmp_path: Path) -> None:
    """Made up and from a file, the same requests have the same fate."""
    file = tmp_path / "trace.jsonl"
    made = hostd("simulate", "steady", *BRIEFLY, "--count", "60", "--write", str(file))
    assert (0, "", 60) == (made.code, made.out, len(file.read_text().splitlines()))
    ran = hostd("simulate", str(file), "--host", "rtx3090", "--policy", "hostd", "--json")
    assert 60 == json.loads(ran.out)["policies"][0]["requests"]


def test_a_machine_without_the_point_is_a_usage_error(hostd: Hostd) -> None:
    """Where everything fits together there is nothing to choose; the message says what to change."""
    ran = hostd("simulate", "alternating", "--host", "h200")
    assert 2 == ran.code
    assert "take another machine (--host) or other models (--models)" in ran.err


def test_unknown_names_are_told_apart(hostd: Hostd, tmp_path: Path) -> None:
    """A trace that is none is a usage error; a model that is not declared is an unknown model, wherever it is named."""
    file = tmp_path / "trace.csv"
    file.write_text("at,model\n0,gone\n")
    assert 2 == hostd("simulate", "nonsense", "--host", "rtx3090").code
    assert 5 == hostd("simulate", str(file), "--host", "rtx3090").code
    assert 5 == hostd("simulate", "steady", "--host", "rtx3090", "--models", "coder,gone").code
