"""Which build of llama.cpp a program is: estimates of scratch memory depend on it, and so does what a measurement is worth."""

import importlib.metadata
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from hostd.backends.environment import engine_environment

LAUNCHER = Path(__file__).parents[1] / "launchers" / "xllamacpp_server.py"
"""What makes a program of the server inside the ``xllamacpp`` wheel."""

_SAID = re.compile(r"version: (?P<number>\d+) \(")
_PATIENCE = 2.0


def build_of(program: tuple[str, ...]) -> int | None:
    """Return the build number of `hostd.backends.llamacpp.engine.locate`'s *program*, or None where it does not tell.

    The wheel's version ends in it; a llama-server prints it, unless its packager left it out.
    """
    if str(LAUNCHER) in program:
        with suppress(importlib.metadata.PackageNotFoundError):
            last = importlib.metadata.version("xllamacpp").rpartition(".")[2]
            return int(last) if last.isdigit() else None
        return None
    try:
        done = subprocess.run(  # noqa: S603 - the owner's engine, a list of words, no shell
            [*program, "--version"],
            env=engine_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    said = _SAID.search(done.stdout + done.stderr)
    return int(said["number"]) or None if said else None
