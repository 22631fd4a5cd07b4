"""The owner's files are read anew by a short-lived child: what reads them takes 15 MB, which the daemon does not hold."""

import asyncio
import os
import pickle
import sys
from pathlib import Path

import hostd
from hostd.domain.errors import ConfigError, HostdError, Problem
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingsRead
from hostd.pickled_settings import pickled
from hostd.programs import exchange

PATIENCE = 20.0
"""Seconds for a reading, which takes less than one where the files are on a disk of this machine."""

_ARGV = (sys.executable, "-c", "from hostd.config.reading_child import main; main()")


class SettingsUnread(HostdError):
    """The files could not be read at all; what was in force still is."""

    code = "settings_unread"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the settings could not be read ({why}), and stay as they were; look with: hostd config check"
        )


class SettingsReader:
    """Reads the files, in *patience* seconds at most."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience

    async def read(self, in_force: Settings) -> SettingsRead:
        """Return what the files say that the settings *in_force* came from; without one, what the first that is found says.

        Raises:
            ConfigError: The files have mistakes; the error has all of them.
            SettingsUnread: The child took too long or failed.
        """
        found = await asyncio.to_thread(self._read, pickled(in_force))
        if not isinstance(found, SettingsRead):
            raise ConfigError(found)
        return found

    def _read(self, order: bytes) -> SettingsRead | tuple[Problem, ...]:
        # References to variables are filled in from the daemon's own environment, as they were at its start.
        packages = os.pathsep.join(filter(None, (str(Path(hostd.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "PYTHONPATH": packages, "PYTHONSAFEPATH": "1"}
        try:
            status, printed, errors = exchange(_ARGV, env, order, seconds=self._patience)
        except TimeoutError:
            raise SettingsUnread(f"that took more than {self._patience:g} s") from None
        except OSError as error:
            raise SettingsUnread(str(error)) from error
        if status:
            last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SettingsUnread(f"exit status {status}: {last[:200]}")
        found: SettingsRead | tuple[Problem, ...] = pickle.loads(printed)  # noqa: S301 - hostd's own child wrote it
        return found
