"""``hostd service``: what is shown before it is done, what is refused, and how it ends."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.service.installation import Scope, ServiceState
from hostd.service.systemd import Systemd
from tests.cli.recorded import Ran

STATE = ServiceState("systemd", Scope.USER, installed=True, running=True, failed=False, state="active (running)")


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with systemd, and a user who is not root."""
    monkeypatch.setattr("hostd.cli.verbs.service.sys.platform", "linux")
    monkeypatch.setattr("hostd.cli.verbs.service.os.geteuid", lambda: 1000)
    monkeypatch.setattr(Systemd, "unavailable", lambda _: None)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that are run: each succeeds."""
    ran: list[str] = []

    def ask(argv: tuple[str, ...]) -> tuple[int, str]:
        ran.append(" ".join(argv))
        return 0, ""

    monkeypatch.setattr("hostd.service.steps.ask", ask)
    return ran


@pytest.fixture
def unit(bare_home: Path) -> Path:
    """Where the user's unit goes."""
    return bare_home / "config" / "systemd" / "user" / "hostd.service"


def test_shows_what_it_would_do(hostd: Callable[..., Ran], commands: list[str], unit: Path) -> None:
    """Files and commands are printed, for another scope as well, and nothing is written or run."""
    ran = hostd("service", "install", "--print")
    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith(f"# {unit}\n")
    assert "$ systemctl --user restart hostd.service\n" in ran.out
    assert "$ systemd-sysusers" in hostd("service", "install", "--system", "--print").out
    assert ([], False) == (commands, unit.exists())


def test_installs_and_uninstalls(hostd: Callable[..., Ran], commands: list[str], unit: Path) -> None:
    """The unit is written and started, and explained; uninstalling removes it again, and then there is none."""
    ran = hostd("service", "install")
    assert (0, "") == (ran.code, ran.out)
    assert "loginctl enable-linger" in ran.err
    assert unit.exists()
    assert [
        "systemctl --user daemon-reload",
        "systemctl --user enable hostd.service",
        "systemctl --user restart hostd.service",
    ] == commands
    assert 0 == hostd("service", "uninstall").code
    assert not unit.exists()
    assert "no service" in hostd("service", "uninstall").err


def test_overwrites_nothing_silently(hostd: Callable[..., Ran], commands: list[str], unit: Path) -> None:
    """A unit that was changed stays, with a diff and the way out; the same one is installed again."""
    assert 0 == hostd("service", "install").code
    assert 0 == hostd("service", "install").code
    unit.write_text("mine\n")
    commands.clear()
    ran = hostd("service", "install")
    assert 1 == ran.code
    assert {"-mine", "--force"} <= set(ran.err.split())
    assert ("mine\n", []) == (unit.read_text(), commands)
    assert 0 == hostd("service", "install", "--force").code
    assert "mine" not in unit.read_text()


def test_the_sockets_are_those_of_the_configuration(hostd: Callable[..., Ran], bare_home: Path) -> None:
    """What the daemon would listen on, systemd holds for it."""
    file = bare_home / "config" / "hostd" / "hostd.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("server: {listen: '127.0.0.1:9000'}\n")
    shown = hostd("service", "install", "--socket", "--print").out
    assert "ListenStream=127.0.0.1:9000\n" in shown
    assert "11435" not in shown


def test_refuses_what_is_not_the_users(
    hostd: Callable[..., Ran], commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's service is root's to change, and root has none of its own: exit code 4."""
    for verb in ("install", "uninstall"):
        monkeypatch.setattr(Path, "exists", lambda _: verb == "uninstall")  # noqa: B023 - used in this turn
        ran = hostd("service", verb, "--system")
        assert 4 == ran.code
        assert "sudo" in ran.err
    monkeypatch.setattr("hostd.cli.verbs.service.os.geteuid", lambda: 0)
    assert 4 == hostd("service", "install", "--user").code
    assert [] == commands


def test_refuses_a_program_that_the_service_does_not_see(
    hostd: Callable[..., Ran], commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed in a home cannot serve the whole machine; the message says how to install it elsewhere."""
    monkeypatch.setattr("hostd.cli.verbs.service.os.geteuid", lambda: 0)
    monkeypatch.setattr("hostd.service.installation.hidden_part", lambda _: "/home/me/.venv")
    ran = hostd("service", "install")
    assert 1 == ran.code
    assert "/home/me/.venv" in ran.err
    assert "/opt/hostd" in ran.err
    assert [] == commands


def test_refuses_a_second_service(hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, unit: Path) -> None:
    """A user's service beside the machine's would hold the same memory twice."""
    own = Systemd.files

    def files(manager: Systemd) -> list[Path]:
        return own(manager) if manager.scope is Scope.USER else [Path(os.devnull)]

    monkeypatch.setattr(Systemd, "files", files)
    ran = hostd("service", "install")
    assert 1 == ran.code
    assert "hostd service uninstall --system" in ran.err
    assert not unit.exists()


def test_says_why_it_cannot(hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without systemd the way out is named; two scopes at once are a usage error."""
    monkeypatch.setattr(Systemd, "unavailable", lambda _: "not booted; run: hostd serve")
    ran = hostd("service", "install")
    assert (1, "hostd: not booted; run: hostd serve\n") == (ran.code, ran.err)
    assert 2 == hostd("service", "install", "--user", "--system").code


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (STATE, 0),
        (ServiceState("systemd", Scope.USER, False, False, False, "inactive", next_step="hostd service install"), 3),
        (ServiceState("systemd", Scope.USER, True, False, True, "failed", next_step="journalctl -u hostd"), 1),
    ],
)
def test_status_tells_state_and_next_step(
    hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, state: ServiceState, code: int
) -> None:
    """The exit code tells whether it runs; the table and the JSON say what to do."""
    monkeypatch.setattr(Systemd, "state", lambda _: state)
    ran = hostd("service", "status")
    assert code == ran.code
    assert state.state in ran.out
    assert (state.next_step or "") in ran.out
    ran = hostd("service", "status", "--json")
    assert (code, state.state, state.next_step) == (
        ran.code,
        json.loads(ran.out)["state"],
        json.loads(ran.out)["next_step"],
    )


def test_sockets_are_systemds(hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS the property list is shown, and a socket unit is refused."""
    monkeypatch.setattr("hostd.cli.verbs.service.sys.platform", "darwin")
    assert 2 == hostd("service", "install", "--socket", "--print").code
    ran = hostd("service", "install", "--print")
    assert 0 == ran.code
    assert "$ launchctl bootstrap gui/" in ran.out
