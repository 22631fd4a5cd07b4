"""The process that reads the owner's files for a daemon that runs, which so never holds what reads them.

On standard input comes one order, the settings in force; standard output gets what the files say now, or what is wrong with them.
"""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

from hostd.config.difference import difference
from hostd.config.load import load
from hostd.domain.errors import ConfigError, Problem
from hostd.domain.profile import Settings
from hostd.domain.settings_changes import SettingsRead
from hostd.pickled_settings import pickled


def main() -> None:
    """Answer the one order."""
    in_force = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - the daemon wrote it
    sys.stdout.buffer.write(pickled(read(in_force)))
    sys.stdout.buffer.flush()


def read(old: Settings) -> SettingsRead | tuple[Problem, ...]:
    """Return the settings in the files that those in force came from, or everything that is wrong with them."""
    try:
        new = load(None if old.source is None else Path(old.source))
    except ConfigError as error:
        return error.problems
    if old.listen_by_option:
        new = replace(new, listen=old.listen, listen_by_option=True)
    new = replace(new, keep_engines=old.keep_engines)
    return SettingsRead(new, difference(old, new))
