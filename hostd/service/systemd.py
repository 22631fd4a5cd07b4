"""hostd under systemd: where its units go, the commands that start and stop it, and what systemd says of it."""

import getpass
import os
from collections.abc import Mapping
from pathlib import Path

from hostd.paths import state_directory
from hostd.service.installation import Scope, ServiceOrder, ServiceState, shipped
from hostd.service.steps import RemoveFile, RunCommand, ServiceStep, WriteFile, ask

SERVICE, SOCKET = "hostd.service", "hostd.socket"
SYSTEM_UNITS = Path("/etc/systemd/system")
_BOOTED = Path("/run/systemd/system")
_SYSUSERS = Path("/etc/sysusers.d/hostd.conf")
_EXEC_START = "ExecStart=/usr/bin/hostd serve"
_RELOAD = ("Type=notify\n", "ExecReload=/bin/kill -HUP $MAINPID\n")
_LEAVE_ENGINES = {"KillMode=mixed\n": "KillMode=process\n", "PrivateUsers=yes\n": "PrivateUsers=no\n"}
"""What engines outlive their daemon by: they are not killed with it, and the next one, which would have a namespace of its own, can
read whose they are."""
_NOTIFY_RELOAD = 253
"""The version from which systemd itself signals a reload, and waits until it is over."""
_LISTEN = "ListenStream="
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "StatusText", "UnitFileState", "MainPID", "NRestarts")


class Systemd:
    """The service of *scope* under systemd."""

    def __init__(self, scope: Scope, environ: Mapping[str, str] = os.environ, booted: Path = _BOOTED) -> None:
        self.scope = scope
        self._booted = booted
        self._folder = SYSTEM_UNITS if scope is Scope.SYSTEM else user_units(environ, Path.home())
        self._systemctl = ("systemctl",) if scope is Scope.SYSTEM else ("systemctl", "--user")

    def __repr__(self) -> str:
        return f"<Systemd {self.scope}>"

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, None where it can."""
        if self._booted.is_dir():
            return None
        return "this machine was not booted by systemd; have whatever starts its programs run: hostd serve"

    def files(self) -> list[Path]:
        """Return where its files are or would be, the main one first."""
        users = [_SYSUSERS] if self.scope is Scope.SYSTEM else []
        return [self._folder / SERVICE, self._folder / SOCKET, *users]

    def install(self, order: ServiceOrder) -> list[ServiceStep]:
        """Return the steps that install and start the service."""
        steps: list[ServiceStep] = []
        if self.scope is Scope.SYSTEM:
            steps = [
                WriteFile(_SYSUSERS, shipped("systemd", "hostd.sysusers.conf")),
                RunCommand(("systemd-sysusers", str(_SYSUSERS))),
            ]
        steps.append(WriteFile(self._folder / SERVICE, self.service_unit(order, version())))
        units = [SERVICE]
        if order.addresses:
            units.insert(0, SOCKET)
            steps.append(WriteFile(self._folder / SOCKET, socket_unit(order.addresses)))
        steps += [self._command("daemon-reload"), self._command("enable", *units)]
        if order.addresses:
            # systemd cannot have the addresses while a daemon has them itself.
            steps += [self._command("stop", SERVICE, optional=True), self._command("start", SOCKET)]
        steps.append(self._command("restart", SERVICE))
        if order.linger and self.scope is Scope.USER:
            # By name: a shell that belongs to no session, as one of su's or cron's, has no user in logind's eyes.
            steps.append(RunCommand(("loginctl", "enable-linger", getpass.getuser())))
        return steps

    def uninstall(self) -> list[ServiceStep]:
        """Return the steps that stop and remove it."""
        there = [path for path in self.files() if path.exists()]
        units = [path.name for path in there if path.name in (SERVICE, SOCKET)]
        # The socket first, which would start the service again for the next client.
        stop = [self._command("disable", "--now", unit, optional=True) for unit in sorted(units, reverse=True)]
        if self._keeps_engines():
            # While the service runs, systemd still knows which processes are its own.
            stop.insert(0, self._command("kill", "--kill-who=all", SERVICE, optional=True))
        if self.scope is Scope.SYSTEM:
            stop.append(self._command("clean", "--what=runtime", SERVICE, optional=True))
        remove = [RemoveFile(path) for path in there]
        return [*stop, *remove, self._command("daemon-reload", optional=True)]

    def service_unit(self, order: ServiceOrder, version: int = 0) -> str:
        """Return the unit as it ships, with the program's own path, and for a user the search path of its shell.

        From some *version* of systemd on it has a reload that is waited for.
        """
        command = f"ExecStart={' '.join((*map(_word, order.program), 'serve', *order.options))}"
        if self.scope is Scope.USER:
            command += f"\nEnvironment={_word(f'PATH={order.path}')}"
        unit = shipped("systemd", f"{self.scope}/{SERVICE}").replace(_EXEC_START, command)
        if order.keep_engines:
            for line, other in _LEAVE_ENGINES.items():
                unit = unit.replace(line, other)
        if version >= _NOTIFY_RELOAD:
            kind, by_signal = _RELOAD
            unit = unit.replace(kind, "Type=notify-reload\n").replace(by_signal, "")
        return unit

    def _keeps_engines(self) -> bool:
        try:
            return "KillMode=process\n" in self.files()[0].read_text("utf-8", "replace")
        except OSError:
            return False

    def state(self) -> ServiceState:
        """Ask systemd how the service is. Blocks."""
        status, text = ask((*self._systemctl, "show", SERVICE, f"--property={','.join(_PROPERTIES)}"))
        told = dict(line.partition("=")[::2] for line in text.splitlines()) if not status else {}
        installed = self.files()[0].exists() or told.get("LoadState") == "loaded"
        active, sub = told.get("ActiveState", ""), told.get("SubState", "")
        failed = active == "failed" or sub == "auto-restart"
        return ServiceState(
            manager="systemd",
            scope=self.scope,
            installed=installed,
            running=active in ("active", "reloading"),
            failed=failed,
            state=f"{active} ({sub})" if told else text.strip() or "unknown",
            status=told.get("StatusText") or None,
            enabled=told.get("UnitFileState") == "enabled" if told else None,
            pid=int(told.get("MainPID") or 0) or None,
            restarts=int(told["NRestarts"]) if told.get("NRestarts", "").isdecimal() else None,
            next_step=self._next_step(active, installed=installed, failed=failed),
        )

    def _next_step(self, active: str, *, installed: bool, failed: bool) -> str | None:
        if not installed:
            return f"hostd service install --{self.scope}"
        if failed:
            return f"journalctl {'--user ' if self.scope is Scope.USER else ''}-u hostd -n 50"
        return f"{' '.join(self._systemctl)} start hostd" if active in ("", "inactive") else None

    def advice(self, order: ServiceOrder) -> list[str]:
        """Return what its owner should know after the installation."""
        if self.scope is Scope.SYSTEM:
            return [
                "it reads /etc/hostd/hostd.yaml and /etc/hostd/model_profiles; hostd init --folder /etc/hostd writes them",
                "it sees no homes: weights go to /var/cache/hostd, or to folders that the user hostd may read",
                "its log: journalctl -u hostd",
                *self._of_engines(order),
            ]
        lingers = order.linger or Path("/var/lib/systemd/linger", getpass.getuser()).exists()
        linger = (
            "it runs from boot on"
            if lingers
            else "it runs while you are logged in; from boot on: loginctl enable-linger"
        )
        return [linger, "its log: journalctl --user -u hostd", *self._of_engines(order)]

    def _of_engines(self, order: ServiceOrder) -> list[str]:
        end = " ".join((*self._systemctl, "kill", "--kill-who=all", "hostd"))
        said = f"engines outlive it and hold their memory, until the next one adopts or ends them; to stop all at once: {end}"
        return [said] if order.keep_engines else []

    def remains(self) -> list[str]:
        """Return what is left after it was uninstalled, and how to remove it."""
        drop_ins = self._folder / f"{SERVICE}.d"
        left = [f"your changes to the unit are left in {drop_ins}"] if drop_ins.exists() else []
        if self.scope is Scope.SYSTEM:
            left.append(
                "the user hostd, /etc/hostd, /var/lib/hostd and /var/cache/hostd are left; to remove them: "
                "userdel hostd; rm -r /etc/hostd /var/lib/hostd /var/cache/hostd"
            )
        else:
            left.append(
                f"your configuration, models and state are left in {self._folder.parents[1] / 'hostd'} and {state_directory()}"
            )
        return left

    def _command(self, *words: str, optional: bool = False) -> RunCommand:
        return RunCommand((*self._systemctl, *words), optional=optional)


def user_units(environ: Mapping[str, str], home: Path) -> Path:
    """Return the folder of a user's own units."""
    own = environ.get("XDG_CONFIG_HOME", "")
    return (Path(own) if own.startswith("/") else home / ".config") / "systemd" / "user"


def version() -> int:
    """Return systemd's version; 0 where it does not tell. Blocks."""
    words = ask(("systemctl", "--version"))[1].split()[1:2]
    return int(words[0]) if words and words[0].isdecimal() else 0


def socket_unit(addresses: tuple[str, ...]) -> str:
    """Return the socket unit as it ships, with *addresses* in place of its own."""
    lines = shipped("systemd", SOCKET).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(_LISTEN))
    others = [line for line in lines if not line.startswith(_LISTEN)]
    streams = [f"{_LISTEN}{_word(each)}" for address in addresses for each in _streams(address)]
    return "\n".join((*others[:at], *streams, *others[at:], ""))


def _streams(address: str) -> tuple[str, ...]:
    """Return *address* as ListenStream= wants it: addresses instead of names, and a path without a scheme."""
    host, _, port = address.rpartition(":")
    if host == "localhost":
        return (f"127.0.0.1:{port}", f"[::1]:{port}")
    return (address.removeprefix("unix:"),)


def _word(text: str) -> str:
    """Return *text* as one word of a unit: quoted where need be, with nothing that systemd would replace."""
    plain = text.replace("%", "%%").replace("$", "$$").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"' if any(letter in plain for letter in " \t'\"\\;=") else plain
