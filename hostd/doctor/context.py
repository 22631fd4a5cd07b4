"""What checks are given: the owner's settings, where this machine keeps what, and what a running daemon answers."""

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hostd.domain.errors import Problem
from hostd.domain.profile import Settings
from hostd.paths import state_directory

_OF_PATIENCE = 0.8


def user_name() -> str:
    """Return the name of this process's user, its number where it has none, as in some containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


@dataclass(frozen=True, slots=True)
class RunningDaemon:
    """The daemon that answers at *address*; *pools* are the ids of the pools that it sees, *troubles* what it says is amiss."""

    address: str
    pools: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may read. With *problems* the configuration could not be read, and *settings* are the defaults.

    *patience* is how long a check may take, in seconds. *address* is where the daemon is looked for, *daemon* None where none
    answers there. *root* is the folder that system files are read below, for machines that were recorded.
    """

    settings: Settings = field(default_factory=Settings)
    problems: tuple[Problem, ...] = ()
    patience: float = 1.0
    address: str = ""
    daemon: RunningDaemon | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    state: Path = field(default_factory=state_directory)
    home: Path = field(default_factory=Path.home)
    user: str = field(default_factory=user_name)
    platform: str = sys.platform
    root: Path = Path("/")

    @property
    def program_patience(self) -> float:
        """Seconds that a program may take to answer, so that its check still ends in time."""
        return self.patience * _OF_PATIENCE

    def system(self, path: str) -> Path:
        """Return where the absolute *path* is below `root`."""
        return self.root / path.removeprefix("/")

    def read(self, path: str) -> str | None:
        """Return the text of the system file *path* without blanks around it; None where it cannot be read."""
        try:
            return self.system(path).read_text("utf-8", "replace").strip()
        except OSError:
            return None
