"""The property lists hold keys that launchd knows, with values of the right kind, and follow hostd's own rules."""

import os
import plistlib
import pwd
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.scheduling.engine_control import DRAIN_LIMIT
from hostd.service.installation import Scope, ServiceOrder, shipped
from hostd.service.launchd import LABEL, Launchd
from hostd.service.steps import RunCommand, ServiceError, WriteFile

ME = pwd.getpwuid(os.getuid())
ORDER = ServiceOrder(("/usr/local/bin/hostd",), "/opt/homebrew/bin:/usr/bin")

KEYS: dict[str, type | tuple[type, ...]] = {
    "Label": str,
    "Disabled": bool,
    "UserName": str,
    "GroupName": str,
    "Program": str,
    "BundleProgram": str,
    "ProgramArguments": list,
    "EnableGlobbing": bool,
    "EnableTransactions": bool,
    "EnablePressuredExit": bool,
    "KeepAlive": (bool, dict),
    "RunAtLoad": bool,
    "RootDirectory": str,
    "WorkingDirectory": str,
    "EnvironmentVariables": dict,
    "Umask": (int, str),
    "TimeOut": int,
    "ExitTimeOut": int,
    "ThrottleInterval": int,
    "InitGroups": bool,
    "WatchPaths": list,
    "QueueDirectories": list,
    "StartOnMount": bool,
    "StartInterval": int,
    "StartCalendarInterval": (dict, list),
    "StandardInPath": str,
    "StandardOutPath": str,
    "StandardErrorPath": str,
    "Debug": bool,
    "WaitForDebugger": bool,
    "SoftResourceLimits": dict,
    "HardResourceLimits": dict,
    "Nice": int,
    "ProcessType": str,
    "AbandonProcessGroup": bool,
    "LowPriorityIO": bool,
    "LowPriorityBackgroundIO": bool,
    "MaterializeDatalessFiles": bool,
    "LaunchOnlyOnce": bool,
    "MachServices": dict,
    "Sockets": dict,
    "LaunchEvents": dict,
    "HopefullyExitsLast": bool,
    "HopefullyExitsFirst": bool,
    "SessionCreate": bool,
    "LegacyTimers": bool,
    "AssociatedBundleIdentifiers": (str, list),
    "LimitLoadToHosts": list,
    "LimitLoadFromHosts": list,
    "LimitLoadToSessionType": (str, list),
    "LimitLoadToHardware": dict,
    "LimitLoadFromHardware": dict,
}
"""launchd.plist(5): each key and the kinds of its value."""
KEEP_ALIVE = {"SuccessfulExit", "NetworkState", "PathState", "OtherJobEnabled", "Crashed", "AfterInitialDemand"}
LIMITS = {
    *(
        "Core",
        "CPU",
        "Data",
        "FileSize",
        "MemoryLock",
        "NumberOfFiles",
        "NumberOfProcesses",
        "ResidentSetSize",
        "Stack",
    ),
}
PROCESS_TYPES = {"Background", "Standard", "Adaptive", "Interactive"}


@pytest.fixture(params=["agent", "daemon", "installed agent", "installed daemon"])
def document(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Each property list, as it ships and as it is installed."""
    # Root installs no agent and runs no daemon as itself; here a test may be root.
    monkeypatch.setattr("hostd.service.launchd.pwd.getpwnam", lambda _: ME)
    name = str(request.param).removeprefix("installed ")
    if name == request.param:
        shipped_document: dict[str, Any] = plistlib.loads(shipped("launchd", f"{name}.plist").encode())
        return shipped_document
    scope = Scope.USER if name == "agent" else Scope.SYSTEM
    step = Launchd(scope, {"SUDO_USER": "me"}).install(ORDER)[0]
    assert isinstance(step, WriteFile)
    loaded: dict[str, Any] = plistlib.loads(step.content.encode())
    return loaded


def test_launchd_knows_every_key(document: dict[str, Any]) -> None:
    """Keys that it does not know, launchd passes over; here each is one of its own, with a value of its kind."""
    assert set() == document.keys() - KEYS.keys()
    for key, value in document.items():
        wanted = KEYS[key]
        assert isinstance(value, wanted), key
        assert not (isinstance(value, bool) and wanted is int), key
    assert document["KeepAlive"].keys() <= KEEP_ALIVE
    for limits in ("SoftResourceLimits", "HardResourceLimits"):
        assert document[limits].keys() <= LIMITS
        assert all(type(value) is int for value in document[limits].values())
    assert all(isinstance(word, str) for word in document["ProgramArguments"])
    assert all(isinstance(value, str) for value in document["EnvironmentVariables"].values())


def test_follows_our_rules(document: dict[str, Any]) -> None:
    """Full speed, absolute paths, an environment of its own, no quick loop of restarts, time to drain, enough files."""
    assert (LABEL, "Interactive") == (document["Label"], document["ProcessType"])
    assert document["ProcessType"] in PROCESS_TYPES
    assert set() == document.keys() & {"Nice", "LowPriorityIO", "LowPriorityBackgroundIO", "Sockets", "StartInterval"}
    assert {"HOME", "PATH"} == document["EnvironmentVariables"].keys()
    paths = [document["ProgramArguments"][0], document["StandardErrorPath"], document["StandardOutPath"]]
    assert all(path.startswith("/") for path in paths)
    assert "serve" == document["ProgramArguments"][1]
    assert document["ThrottleInterval"] >= 10
    assert document["ExitTimeOut"] >= 2 * DRAIN_LIMIT + 20
    assert {"SuccessfulExit": False} == document["KeepAlive"]
    assert document["SoftResourceLimits"]["NumberOfFiles"] >= 10_240


def test_only_one_process_is_ever_started(document: dict[str, Any]) -> None:
    """An agent is of one kind of session, and a daemon of none: two processes would wire the same memory."""
    assert ("UserName" in document) is ("LimitLoadToSessionType" not in document)
    assert document.get("LimitLoadToSessionType", "Aqua") == "Aqua"


def test_engines_outlive_the_daemon_where_that_is_wanted() -> None:
    """Launchd kills what is left of a job otherwise, and leaves it alone only then."""
    plain, kept = (Launchd(Scope.USER).property_list(replace(ORDER, keep_engines=each)) for each in (False, True))
    assert (True, "--keep-engines") == (kept["AbandonProcessGroup"], kept["ProgramArguments"][-1])
    assert "AbandonProcessGroup" not in plain
    assert plain["ProgramArguments"] == kept["ProgramArguments"][:-1]


def test_installs_and_uninstalls_by_the_newer_verbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded goes first, which may be nothing; the property list goes to the folder of the user's agents."""
    monkeypatch.setenv("HOME", str(tmp_path))
    manager, domain = Launchd(Scope.USER), f"gui/{os.getuid()}"
    path = tmp_path / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    written, *commands = manager.install(ORDER)
    assert isinstance(written, WriteFile)
    assert path == written.path
    bootout = RunCommand(("launchctl", "bootout", f"{domain}/{LABEL}"), optional=True)
    assert [
        bootout,
        RunCommand(("launchctl", "enable", f"{domain}/{LABEL}")),
        RunCommand(("launchctl", "bootstrap", domain, str(path))),
    ] == commands
    assert bootout == manager.uninstall()[0]


def test_a_daemon_runs_as_whoever_called_sudo() -> None:
    """Never as root, whose files would be open to a damaged model."""
    for name in ("", "root"):
        with pytest.raises(ServiceError, match="sudo"):
            Launchd(Scope.SYSTEM, {"SUDO_USER": name}).install(ORDER)


PRINTED = (
    "x = {{\n\tactive count = 1\n\tstate = {}\n\n\truns = {}\n\tlast exit code = {}\n{}\tspawn type = interactive\n}}\n"
)


@pytest.mark.parametrize(
    ("state", "exit_code", "pid", "running", "failed", "step"),
    [
        ("running", "(never exited)", "\tpid = 77\n", True, False, None),
        ("not running", "1", "", False, True, "tail -n 50 ~/Library/Logs/hostd.log"),
        ("not running", "0", "", False, False, f"launchctl kickstart gui/{os.getuid()}/{LABEL}"),
        ("spawn scheduled", "78: EX_CONFIG", "", False, True, "tail -n 50 ~/Library/Logs/hostd.log"),
    ],
)
def test_says_how_it_is(  # noqa: PLR0917 - a table
    state: str,
    exit_code: str,
    pid: str,
    running: bool,
    failed: bool,
    step: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What launchd prints of the service, and what to do about it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    manager = Launchd(Scope.USER)
    manager.files()[0].parent.mkdir(parents=True)
    manager.files()[0].touch()
    monkeypatch.setattr("hostd.service.launchd.ask", lambda _: (0, PRINTED.format(state, 3, exit_code, pid)))
    found = manager.state()
    assert (state, running, failed, step) == (found.state, found.running, found.failed, found.next_step)
    assert (77 if pid else None, 2) == (found.pid, found.restarts)


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing is loaded, the next step is to install it, or to load what is installed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("hostd.service.launchd.ask", lambda _: (113, "Could not find service\n"))
    manager = Launchd(Scope.USER)
    assert (False, "hostd service install --user") == (manager.state().running, manager.state().next_step)
    manager.files()[0].parent.mkdir(parents=True)
    manager.files()[0].touch()
    assert (manager.state().next_step or "").startswith("launchctl bootstrap ")
