"""The doctor visits real homes: an empty one, one with everything wrong, and one with a daemon."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from hostd.doctor.runner import CHECKS
from tests.journeys.host import environment_for, profile, run, serving, write_files

PATIENT = ("doctor", "--json", "--timeout", "20")
"""A busy machine must not turn checks into warnings."""


def findings(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return what was printed, by check."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(text)["findings"]:
        found.setdefault(each["check"], []).append(each)
    return found


def test_an_empty_home(tmp_path: Path) -> None:
    """Every check answers, the one to begin with is named, and nothing is made."""
    config = tmp_path / "hostd.yaml"
    config.write_text("server: {listen: '127.0.0.1:0'}\n")
    home = tmp_path / "home"
    home.mkdir()
    environment = environment_for(home) | {"HOSTD_CONFIG": str(config), "HOSTD_URL": "http://127.0.0.1:9"}
    done = run(environment, *PATIENT)
    found = findings(done.stdout)
    assert {check.name for check in CHECKS} == set(found)
    assert ("warn", "hostd init") == (found["profiles"][0]["status"], found["profiles"][0]["remedy"])
    for name in ("configuration", "names", "ports", "permissions", "clock", "llamacpp"):
        assert ["ok"] == [each["status"] for each in found[name]], found[name]
    assert "skipped" == found["database"][0]["status"]
    bad = [each for name in found for each in found[name] if each["status"] == "fail"]
    assert (1 if bad else 0) == done.returncode, done.stderr
    assert [] == list(home.iterdir())


def test_a_home_with_everything_wrong(tmp_path: Path) -> None:
    """Each mistake is found with its remedy, and the exit code is 1."""
    key = tmp_path / "openai.key"
    key.write_text("sk-1")
    key.chmod(0o644)
    cloud = profile("cloud") | {
        "variants": [{"backend": "cloud", "provider": "openai", "model": "gpt-4o", "key_file": str(key)}]
    }
    absent = profile("absent") | {"variants": [{"backend": "llamacpp", "path": str(tmp_path / "absent.gguf")}]}
    state = tmp_path / "state/hostd"
    state.mkdir(parents=True, mode=0o755)
    with closing(sqlite3.connect(state / "ledger.sqlite")) as later:
        later.execute("PRAGMA user_version = 99")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = write_files(tmp_path, cloud, absent, server={"listen": f"127.0.0.1:{port}"})
        environment = environment_for(tmp_path) | {"HOSTD_CONFIG": str(config), "http_proxy": "http://proxy.example:1"}
        environment |= {"no_proxy": "", "NO_PROXY": "", "HOSTD_URL": "http://127.0.0.1:9"}
        done = run(environment, *PATIENT)
    found = findings(done.stdout)
    assert 1 == done.returncode, done.stderr
    worst = {name: min(each["status"] for each in found[name]) for name in found}
    expected = {"profiles": "fail", "permissions": "fail", "ports": "fail", "database": "warn", "proxies": "warn"}
    assert expected == {name: worst[name] for name in expected}
    remedies = {each["remedy"] for name in found for each in found[name]}
    assert f"chmod 600 {key}" in remedies
    assert any("absent.gguf" in each["why"] for each in found["profiles"])


def test_beside_a_daemon(tmp_path: Path) -> None:
    """Its port, its state folder and its model are as they should be, and it is told from another one."""
    with serving(tmp_path, profile("good")) as host:
        done = run(host.environment, *PATIENT)
        found = findings(done.stdout)
        assert {"ok"} == {
            each["status"] for name in ("ports", "profiles", "permissions", "database") for each in found[name]
        }
        daemons = found["daemons"][0]
        assert (daemons["status"] == "ok" and f"(pid {host.process.pid})" in daemons["what"]) or (
            f"pid {host.process.pid}" not in daemons["remedy"]
        )
