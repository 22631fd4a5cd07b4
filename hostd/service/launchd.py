"""hostd under launchd: where its property list goes, the commands that start and stop it, and what launchd says of it."""

import os
import plistlib
import pwd
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hostd.service.installation import Scope, ServiceOrder, ServiceState, shipped
from hostd.service.steps import RemoveFile, RunCommand, ServiceError, ServiceStep, WriteFile, ask

LABEL = "io.github.hostd.hostd"
_OPTIONS = 1
"""Where the shipped ProgramArguments have what follows the program."""
_TOLD = re.compile(r"^\t(state|pid|runs|last exit code) = (.*)$", re.MULTILINE)


class Launchd:
    """The service of *scope* under launchd: an agent of a user's session, or a daemon that runs as whoever called sudo."""

    def __init__(self, scope: Scope, environ: Mapping[str, str] = os.environ) -> None:
        self.scope = scope
        self._user = environ.get("SUDO_USER", "") if scope is Scope.SYSTEM else ""
        if scope is Scope.SYSTEM:
            self._path, self._domain = Path("/Library/LaunchDaemons") / f"{LABEL}.plist", "system"
        else:
            self._path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
            self._domain = f"gui/{os.getuid()}"

    def __repr__(self) -> str:
        return f"<Launchd {self._domain}>"

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, None where it can."""
        return None if sys.platform == "darwin" else "launchd is macOS's"

    def files(self) -> list[Path]:
        """Return where its file is or would be."""
        return [self._path]

    def install(self, order: ServiceOrder) -> list[ServiceStep]:
        """Return the steps that install and start the service.

        Raises:
            ServiceError: It would run as root.
        """
        return [
            WriteFile(self._path, plistlib.dumps(self.property_list(order), sort_keys=False).decode()),
            self._command("bootout", f"{self._domain}/{LABEL}", optional=True),
            self._command("enable", f"{self._domain}/{LABEL}"),
            self._command("bootstrap", self._domain, str(self._path)),
        ]

    def uninstall(self) -> list[ServiceStep]:
        """Return the steps that stop and remove it."""
        return [self._command("bootout", f"{self._domain}/{LABEL}", optional=True), RemoveFile(self._path)]

    def property_list(self, order: ServiceOrder) -> dict[str, Any]:
        """Return what ships, with the program's own path, the user's home, and for a daemon the user's name.

        Raises:
            ServiceError: It would run as root.
        """
        name = "agent.plist" if self.scope is Scope.USER else "daemon.plist"
        document: dict[str, Any] = plistlib.loads(shipped("launchd", name).encode())
        document["ProgramArguments"] = [*order.program, *document["ProgramArguments"][_OPTIONS:], *order.options]
        if order.keep_engines:
            # launchd kills what is left of the daemon's process group otherwise.
            document["AbandonProcessGroup"] = True
        home = Path.home()
        if self.scope is Scope.SYSTEM:
            if self._user in ("", "root"):
                raise ServiceError(
                    "the daemon is to run as a user, not as root; call this with sudo from that user's account"
                )
            home = Path(pwd.getpwnam(self._user).pw_dir)
            document["UserName"] = self._user
        document["EnvironmentVariables"] = {"HOME": str(home), "PATH": order.path}
        document["StandardOutPath"] = document["StandardErrorPath"] = str(home / "Library" / "Logs" / "hostd.log")
        return document

    def state(self) -> ServiceState:
        """Ask launchd how the service is. Blocks."""
        status, text = ask(("launchctl", "print", f"{self._domain}/{LABEL}"))
        told = dict(_TOLD.findall(text)) if not status else {}
        running = told.get("state") == "running"
        last, installed = told.get("last exit code", ""), self._path.exists()
        failed = bool(told) and not running and last[:1].isdecimal() and int(last.partition(":")[0]) != 0
        return ServiceState(
            manager="launchd",
            scope=self.scope,
            installed=installed,
            running=running,
            failed=failed,
            state=told.get("state", "not loaded"),
            status=f"last exit code {last}" if last and not running else None,
            pid=int(told["pid"]) if told.get("pid", "").isdecimal() else None,
            restarts=max(0, int(told["runs"]) - 1) if told.get("runs", "").isdecimal() else None,
            next_step=self._next_step(installed=installed, running=running, failed=failed, loaded=bool(told)),
        )

    def _next_step(self, *, installed: bool, running: bool, failed: bool, loaded: bool) -> str | None:
        if not installed:
            return f"hostd service install --{self.scope}"
        if failed:
            return "tail -n 50 ~/Library/Logs/hostd.log"
        if running:
            return None
        what = f"kickstart {self._domain}/{LABEL}" if loaded else f"bootstrap {self._domain} {self._path}"
        return f"launchctl {what}"

    def advice(self, order: ServiceOrder) -> list[str]:
        """Return what its owner should know after the installation."""
        kept = [_KEPT] if order.keep_engines else []
        if self.scope is Scope.USER:
            return ["it runs while you are logged in; from boot on: sudo hostd service install --system", _LOG, *kept]
        return ["where FileVault is on, it begins to run at the first login after a boot", _LOG, *kept]

    def remains(self) -> list[str]:
        """Return what is left after it was uninstalled."""
        return ["configuration, state and ~/Library/Logs/hostd.log are left"]

    def _command(self, *words: str, optional: bool = False) -> RunCommand:
        return RunCommand(("launchctl", *words), optional=optional)


_KEPT = "engines outlive it and hold their memory, until the next one adopts or ends them; before uninstalling: hostd unload MODEL"
_LOG = "its log: ~/Library/Logs/hostd.log"
