"""Which build of llama.cpp a program is: estimates of scratch memory depend on it, and so does the weight of a measurement."""

import importlib.metadata
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hostd.backends.environment import engine_environment
from hostd.private_files import make_private_folder, write_private
from hostd.programs import output_of

LAUNCHER = Path(__file__).parents[1] / "launchers" / "xllamacpp_server.py"
"""The script that runs the server inside the ``xllamacpp`` wheel."""

NATIVE = ("llama-server", "llama-server.exe")
"""The program itself, as its builds are named."""

_VERSION = re.compile(r"version: (?P<number>\d+) \(")
_PATIENCE = 2.0


def build_of(program: tuple[str, ...], seconds: float = _PATIENCE) -> int | None:
    """Return the build number of `hostd.backends.llamacpp.command_line.locate`'s *program*, or None where it does not print it.

    It has *seconds* for it. The wheel's version ends in it; a llama-server prints it, unless its packager left it out.
    """
    if str(LAUNCHER) in program:
        with suppress(importlib.metadata.PackageNotFoundError):
            last = importlib.metadata.version("xllamacpp").rpartition(".")[2]
            return int(last) if last.isdigit() else None
        return None
    done = output_of((*program, "--version"), engine_environment(os.environ), seconds=seconds, errors_too=True)
    found = None if done is None else _VERSION.search(done.text)
    return int(found["number"]) or None if found else None


def kept_build_of(program: tuple[str, ...], file: Path) -> int | None:
    """Return `build_of`'s answer, from *file* where this *program* gave it before: a build for cards opens their driver to tell.

    Another program, or the same one with another size or date, is asked anew.
    """
    if str(LAUNCHER) in program:
        return build_of(program)
    try:
        about = Path(program[0]).stat()
    except OSError:
        return build_of(program)
    mark = [*program, about.st_size, about.st_mtime_ns]
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(file.read_bytes())
        if kept["program"] == mark:
            return int(kept["build"])
    build = build_of(program)
    if build is not None:
        # Where nothing can be kept, the program is asked again the next time.
        with suppress(OSError):
            make_private_folder(file.parent)
            write_private(file, json.dumps({"program": mark, "build": build}))
    return build


def stamp(program: Sequence[str]) -> tuple[int, ...]:
    """Return the modification times of the files that *program* names, which change with an update."""
    found = []
    for word in program:
        with suppress(OSError):
            found.append(Path(word).stat().st_mtime_ns)
    return tuple(found)
