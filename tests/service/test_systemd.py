"""The units are valid, closed to what hostd does not need, and open to graphics cards; installing takes the steps it should."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.service.installation import Scope, ServiceOrder
from hostd.service.report import STOP_EXTENSION
from hostd.service.steps import RemoveFile, RunCommand, ServiceStep, WriteFile
from hostd.service.systemd import Systemd, socket_unit

ORDER = ServiceOrder((sys.executable,), "/opt/engines/bin:/usr/bin")
MOST_EXPOSED = 20
"""As systemd-analyze counts it, times ten: 2.0 of 10."""
CARDS = (
    *("char-nvidia", "char-nvidia-frontend", "char-nvidiactl", "char-nvidia-uvm", "char-nvidia-caps"),
    *("char-drm", "char-kfd", "/dev/dxg"),
)

needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def unit(scope: Scope, order: ServiceOrder = ORDER) -> dict[str, list[str]]:
    """Return the settings of a service's unit: each key's values, in order."""
    settings: dict[str, list[str]] = {}
    for line in Systemd(scope).service_unit(order).splitlines():
        if line[:1] not in ("", "#", "["):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def written(scope: Scope, folder: Path) -> list[str]:
    """Write the units of *scope* into *folder*; return their paths."""
    (folder / "hostd.service").write_text(Systemd(scope).service_unit(ORDER))
    (folder / "hostd.socket").write_text(socket_unit(("127.0.0.1:11435", "unix:/run/hostd.sock")))
    return [str(folder / name) for name in ("hostd.service", "hostd.socket")]


def analyze(*words: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run its verb with only these variables."""
    environment = {"PATH": os.environ["PATH"], **(more or {})}
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


@needs_analyze
@pytest.mark.parametrize("scope", list(Scope))
def test_engines_outlive_the_daemon_where_that_is_wanted(scope: Scope, tmp_path: Path) -> None:
    """Only then, in a unit that is as valid; its removal ends them first, which no other unit's does."""
    keeping = replace(ORDER, keep_engines=True)
    kept, plain = unit(scope, keeping), unit(scope)
    assert ([f"{sys.executable} serve --keep-engines"], ["process"]) == (kept["ExecStart"], kept["KillMode"])
    assert ([f"{sys.executable} serve"], ["mixed"]) == (plain["ExecStart"], plain["KillMode"])
    assert {"ExecStart", "KillMode", "PrivateUsers"} >= {key for key in kept if kept[key] != plain[key]}
    (tmp_path / "hostd.service").write_text(Systemd(scope).service_unit(keeping))
    manager = ("--user",) if scope is Scope.USER else ()
    words = (*manager, "verify", "--man=no", str(tmp_path / "hostd.service"))
    ran = analyze(*words, more={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert (0, "") == (ran.returncode, ran.stderr)
    if scope is Scope.SYSTEM:
        service = str(tmp_path / "hostd.service")
        ran = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", service)
        assert 0 == ran.returncode, ran.stdout
    assert any("--kill-who=all" in line for line in Systemd(scope).advice(keeping))
    assert not any("engines" in line for line in Systemd(scope).advice(ORDER))


def test_the_removal_ends_engines_that_would_stay(tmp_path: Path) -> None:
    """While systemd still knows them; a unit that kills its processes anyway needs no such step."""
    service = Systemd(Scope.USER, {"XDG_CONFIG_HOME": str(tmp_path)})
    file = tmp_path / "systemd/user/hostd.service"
    file.parent.mkdir(parents=True)
    for keeps in (True, False):
        file.write_text(service.service_unit(replace(ORDER, keep_engines=keeps)))
        first = service.uninstall()[0]
        assert isinstance(first, RunCommand)
        assert keeps is ("kill" in first.argv)


@needs_analyze
@pytest.mark.parametrize("scope", list(Scope))
def test_the_units_are_valid(scope: Scope, tmp_path: Path) -> None:
    """Every key is known, and every value taken: systemd warns of others on standard error, and ends with 0 all the same."""
    manager = ("--user",) if scope is Scope.USER else ()
    ran = analyze(*manager, "verify", "--man=no", *written(scope, tmp_path), more={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert (0, "") == (ran.returncode, ran.stderr)


@needs_analyze
def test_the_system_unit_is_little_exposed(tmp_path: Path) -> None:
    """By systemd's own count, at most 2.0 of 10."""
    service, _ = written(Scope.SYSTEM, tmp_path)
    ran = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", service)
    assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_the_system_unit_leaves_graphics_cards_in_sight() -> None:
    """Each device that CUDA, ROCm and WSL open is allowed by name, and nothing hides them; CUDA reads files of /proc, too."""
    settings = unit(Scope.SYSTEM)
    assert [f"{card} rw" for card in CARDS] == settings["DeviceAllow"]
    assert (["no"], ["closed"], ["all"]) == (
        settings["PrivateDevices"],
        settings["DevicePolicy"],
        settings["ProcSubset"],
    )
    assert ["no"] == settings["MemoryDenyWriteExecute"]
    assert "AF_NETLINK" in settings["RestrictAddressFamilies"][0]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_stop_leaves_time_to_say_that_it_takes_more(scope: Scope) -> None:
    """Whatever the answers in flight need, the daemon asks for that itself."""
    settings = unit(scope)
    assert float(settings["TimeoutStopSec"][0]) >= STOP_EXTENSION
    assert ["mixed"] == settings["KillMode"]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_reload_is_waited_for_where_systemd_can(scope: Scope) -> None:
    """Older versions take the type for none at all."""
    for version, kind, by_signal in ((252, "notify", 1), (253, "notify-reload", 0)):
        lines = Systemd(scope).service_unit(ORDER, version).splitlines()
        assert 1 == lines.count(f"Type={kind}") == sum(line.startswith("Type=") for line in lines)
        assert by_signal == lines.count("ExecReload=/bin/kill -HUP $MAINPID")


@pytest.mark.parametrize("scope", list(Scope))
def test_is_started_again_unless_its_configuration_is_wrong(scope: Scope) -> None:
    """Whatever ends it but a wrong command line or configuration, it comes back, however often."""
    settings = unit(scope)
    assert (["notify"], ["on-failure"], ["2 78"]) == (
        settings["Type"],
        settings["Restart"],
        settings["RestartPreventExitStatus"],
    )
    assert ["0"] == settings["StartLimitIntervalSec"]
    assert 0 < float(settings["WatchdogSec"][0])
    assert ["0"] == settings["LimitCORE"]


def test_the_program_is_written_as_one_word() -> None:
    """Blanks, percent signs and dollars in a path stay what they are."""
    order = ServiceOrder(("/opt/my hostd/100%/$x/hostd",), "/a b:/c%d")
    assert ['"/opt/my hostd/100%%/$$x/hostd" serve'] == unit(Scope.SYSTEM, order)["ExecStart"]
    user = unit(Scope.USER, order)
    assert (user["ExecStart"], ['"PATH=/a b:/c%%d"']) == (unit(Scope.SYSTEM, order)["ExecStart"], user["Environment"])


def test_a_socket_unit_has_the_owners_addresses() -> None:
    """Names become addresses, and a socket a path."""
    lines = socket_unit(("localhost:9000", "unix:/run/hostd.sock")).splitlines()
    streams = [line for line in lines if line.startswith("ListenStream=")]
    assert [f"ListenStream={each}" for each in ("127.0.0.1:9000", "[::1]:9000", "/run/hostd.sock")] == streams
    assert lines.index("[Socket]") < lines.index(streams[0]) < lines.index("[Install]")


def test_installs_for_the_machine() -> None:
    """The user is made before the unit that names it, and the units are read before they are enabled and started."""
    steps = Systemd(Scope.SYSTEM).install(ORDER)
    assert [
        "/etc/sysusers.d/hostd.conf",
        "systemd-sysusers /etc/sysusers.d/hostd.conf",
        "/etc/systemd/system/hostd.service",
        "systemctl daemon-reload",
        "systemctl enable hostd.service",
        "systemctl restart hostd.service",
    ] == [plain(step) for step in steps]


def test_installs_for_a_user_with_a_socket(tmp_path: Path) -> None:
    """The socket has the addresses before the daemon starts; lingering is asked for by name only."""
    order = ServiceOrder((sys.executable,), "/bin", ("127.0.0.1:9000",), linger=True)
    steps = Systemd(Scope.USER, {"XDG_CONFIG_HOME": str(tmp_path)}).install(order)
    assert [
        f"{tmp_path}/systemd/user/hostd.service",
        f"{tmp_path}/systemd/user/hostd.socket",
        "systemctl --user daemon-reload",
        "systemctl --user enable hostd.socket hostd.service",
        "systemctl --user stop hostd.service",
        "systemctl --user start hostd.socket",
        "systemctl --user restart hostd.service",
        f"loginctl enable-linger {getpass.getuser()}",
    ] == [plain(step) for step in steps]


def test_uninstalls_what_is_there(tmp_path: Path) -> None:
    """The socket goes first: it would start the service again for the next client."""
    manager = Systemd(Scope.USER, {"XDG_CONFIG_HOME": str(tmp_path)})
    service, sockets = manager.files()
    service.parent.mkdir(parents=True)
    service.touch()
    assert [
        "systemctl --user disable --now hostd.service",
        f"rm {service}",
        "systemctl --user daemon-reload",
    ] == [plain(step) for step in manager.uninstall()]
    sockets.touch()
    assert [
        "systemctl --user disable --now hostd.socket",
        "systemctl --user disable --now hostd.service",
        f"rm {service}",
        f"rm {sockets}",
        "systemctl --user daemon-reload",
    ] == [plain(step) for step in manager.uninstall()]


def plain(step: ServiceStep) -> str:
    """Return a step in a few words."""
    match step:
        case WriteFile(path, _):
            return str(path)
        case RemoveFile(path):
            return f"rm {path}"
        case RunCommand(argv):
            return " ".join(argv)


SHOWN = (
    "LoadState=loaded\nActiveState={}\nSubState={}\nResult=success\nStatusText=2 of 3\nUnitFileState=enabled\nMainPID={}\n"
    "NRestarts=1\n"
)


@pytest.mark.parametrize(
    ("active", "sub", "pid", "running", "failed", "step"),
    [
        ("active", "running", 7, True, False, None),
        ("reloading", "reload", 7, True, False, None),
        ("activating", "start", 7, False, False, None),
        ("activating", "auto-restart", 0, False, True, "journalctl --user -u hostd -n 50"),
        ("failed", "failed", 0, False, True, "journalctl --user -u hostd -n 50"),
        ("inactive", "dead", 0, False, False, "systemctl --user start hostd"),
    ],
)
def test_says_how_it_is(  # noqa: PLR0917 - a table
    active: str, sub: str, pid: int, running: bool, failed: bool, step: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What systemd says, and what to do about it."""
    monkeypatch.setattr("hostd.service.systemd.ask", lambda _: (0, SHOWN.format(active, sub, pid)))
    state = Systemd(Scope.USER).state()
    assert (f"{active} ({sub})", running, failed, pid or None) == (state.state, state.running, state.failed, state.pid)
    assert ("2 of 3", True, 1, step) == (state.status, state.enabled, state.restarts, state.next_step)


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without systemd its own words are passed on; without a unit, the next step is to install one."""
    monkeypatch.setattr("hostd.service.systemd.ask", lambda _: (1, "Failed to connect to bus\n"))
    manager = Systemd(Scope.USER, {"XDG_CONFIG_HOME": str(tmp_path)}, booted=tmp_path / "none")
    state = manager.state()
    assert (False, False, "Failed to connect to bus") == (state.installed, state.running, state.state)
    assert "hostd service install --user" == state.next_step
    assert "hostd serve" in (manager.unavailable() or "")
    assert Systemd(Scope.USER, booted=tmp_path).unavailable() is None


def test_explains_lingering() -> None:
    """A user's service ends with the session, unless it is told otherwise."""
    assert any("loginctl enable-linger" in line for line in Systemd(Scope.USER).advice(ORDER))
    assert not any("loginctl" in line for line in Systemd(Scope.USER).advice(ServiceOrder((), "", linger=True)))
