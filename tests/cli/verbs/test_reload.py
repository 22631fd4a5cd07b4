"""``hostd reload``."""

import json
from collections.abc import Callable

import pytest

from tests.cli.recorded import Daemon, Ran

ANSWER = {
    "applied": True,
    "source": "/etc/hostd/hostd.yaml",
    "added": ["new"],
    "changed": ["tiny"],
    "removed": ["old"],
    "changes": [
        {"key": "profiles.tiny.limits.max_queue", "before": 64, "after": 8, "takes": "now"},
        {"key": "server.listen", "before": ["127.0.0.1:1"], "after": None, "takes": "restart"},
    ],
    "notes": [],
}


@pytest.fixture(autouse=True)
def address(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the daemon is."""
    monkeypatch.setenv("HOSTD_URL", daemon.url)


def test_prints_what_changes_and_when_it_holds(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """One row for each; programs get the daemon's own answer."""
    daemon.on("POST /hostd/v1/reload", ANSWER)
    rows = [" ".join(line.split()) for line in hostd("reload").out.splitlines()]
    assert rows[1:] == [
        "added profiles.new - - now",
        "changed profiles.tiny.limits.max_queue 64 8 now",
        'changed server.listen ["127.0.0.1:1"] - after a restart',
        "removed profiles.old - - once it is idle",
    ]
    assert ANSWER == json.loads(hostd("reload", "--json").out)


def test_a_dry_run_asks_for_one(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """It says that nothing was changed, also where nothing would be."""
    daemon.on("POST /hostd/v1/reload?dry_run=1", ANSWER | {"added": [], "removed": [], "changes": []})
    ran = hostd("reload", "--dry-run")
    assert (0, "", 2) == (ran.code, ran.out, ran.err.count("nothing"))


def test_mistakes_are_named_by_their_places(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """Each on a line that editors understand, and the exit code of bad configuration."""
    problem = {"message": "unknown key", "file": "/h.yaml", "line": 3, "column": 2}
    error = {"message": "x", "type": "t", "param": None, "code": "bad_config", "problems": [problem]}
    daemon.on("POST /hostd/v1/reload", {"error": error}, 422)
    ran = hostd("reload", "--json")
    assert (78, True) == (ran.code, "/h.yaml:3:2: unknown key" in ran.err.splitlines())
    assert {"applied": False, "problems": [problem]} == json.loads(ran.out)
