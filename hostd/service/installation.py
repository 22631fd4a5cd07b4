"""What service managers have in common: whose service it is, the program that it runs, the files that ship, and how it is."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from hostd.service.steps import ServiceStep

_PACKAGE = Path(__file__).parents[1]
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - compared, nothing is written there
_MAIN = "__main__.py"


class Scope(StrEnum):
    """Whose service: a user's, or the whole machine's."""

    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class ServiceOrder:
    """What to install: the command line before ``serve``, the addresses that a socket unit is to hold (none: no such unit).

    *linger* has a user's service run from boot on, *path* is where it finds programs. With *keep_engines* engines outlive it.
    """

    program: tuple[str, ...]
    path: str
    addresses: tuple[str, ...] = ()
    linger: bool = False
    keep_engines: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """What ``serve`` is called with."""
        return ("--keep-engines",) if self.keep_engines else ()


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How the service is, in the manager's words; *next_step* is what to do about it."""

    manager: str
    scope: Scope
    installed: bool
    running: bool
    failed: bool
    state: str
    status: str | None = None
    enabled: bool | None = None
    pid: int | None = None
    restarts: int | None = None
    next_step: str | None = None


class ServiceManager(Protocol):
    """systemd or launchd, for one scope."""

    scope: Scope

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, None where it can."""

    def files(self) -> list[Path]:
        """Return where its files are or would be, the main one first."""

    def install(self, order: ServiceOrder) -> Sequence[ServiceStep]:
        """Return the steps that install and start the service."""

    def uninstall(self) -> Sequence[ServiceStep]:
        """Return the steps that stop and remove it."""

    def state(self) -> ServiceState:
        """Ask the manager how the service is. Blocks."""

    def advice(self, order: ServiceOrder) -> list[str]:
        """Return what its owner should know after the installation."""

    def remains(self) -> list[str]:
        """Return what is left after it was uninstalled, and how to remove it."""


def shipped(folder: str, name: str) -> str:
    """Return the text of *name* in ``systemd`` or ``launchd``: inside the package where it is installed, else beside it."""
    inside = _PACKAGE / folder
    return ((inside if inside.is_dir() else _PACKAGE.parent / folder) / name).read_text("utf-8")


def own_program(argv0: str = sys.argv[0]) -> tuple[str, ...]:
    """Return the command that runs this hostd again, by absolute paths; links stay, since upgrades move what they lead to."""
    called = Path(argv0).absolute()
    return (str(called),) if called.name != _MAIN and called.is_file() else (sys.executable, "-m", "hostd")


def hidden_part(
    program: Sequence[str], prefixes: Sequence[str] = (sys.prefix, sys.base_prefix), package: Path = _PACKAGE
) -> str | None:
    """Return what of *program*, its Python's *prefixes* and *package* is in a home or a temporary folder; None where nothing is.

    A system's service sees neither.
    """
    found = [*(Path(each).resolve() for each in (program[0], *prefixes)), package.resolve()]
    return next((str(path) for path in found if any(path.is_relative_to(folder) for folder in _HIDDEN)), None)


def search_path(environ: Mapping[str, str]) -> str:
    """Return the folders of PATH that are there: what the owner's shell finds, the service finds, too."""
    folders = dict.fromkeys(each for each in environ.get("PATH", "").split(":") if each.startswith("/"))
    return ":".join(each for each in folders if Path(each).is_dir() and each.isprintable()) or "/usr/bin:/bin"
