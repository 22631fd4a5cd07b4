"""What a build of llama-server says of itself in its help: which flags have variables, and whether it listens on unix sockets."""

import re
from collections.abc import Mapping
from pathlib import Path

from hostd.backends.llamacpp.build import NATIVE, stamp
from hostd.programs import output_of

_PATIENCE = 5.0
_FLAGS = re.compile(r"(?:-{1,2}[A-Za-z][\w-]*,?\s+)+")
_NAME = re.compile(r"-{1,2}([A-Za-z][\w-]*)")
_VARIABLE = re.compile(r"\(env: ([A-Z][A-Z0-9_]*)\)")
_EXECUTABLES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How programs for Linux and macOS begin."""


class HelpPages:
    """The help of the builds that were asked for it; threads may share it."""

    def __init__(self) -> None:
        self._pages: dict[tuple[object, ...], str] = {}

    def of(self, program: tuple[str, ...], environment: Mapping[str, str]) -> str:
        """Return the help of *program*, run in *environment*; "" of one with another name than llama-server's.

        Blocks once per build.
        """
        # Any other command, a script or a container, might begin to serve.
        if Path(program[-1]).name not in NATIVE:
            return ""
        build = (program, stamp(program))
        if build not in self._pages:
            said = output_of((*program, "--help"), environment, seconds=_PATIENCE, errors_too=True)
            self._pages[build] = said.text if said else ""
        return self._pages[build]


def variables(text: str) -> dict[str, str]:
    """Return the variable of each flag that the help in *text* names one for, by the flag without dashes."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        if flags := _FLAGS.match(line + " "):
            names = _NAME.findall(flags[0])
        if variable := _VARIABLE.search(line):
            found |= dict.fromkeys(names, variable[1])
    return found


def listens_on_sockets(text: str) -> bool:
    """Return whether the help in *text* says that ``--host`` takes the path of a socket (builds since the spring of 2025)."""
    # https://github.com/ggml-org/llama.cpp/pull/12613
    return "ends with .sock" in " ".join(text.split())


def is_executable(program: str) -> bool:
    """Return whether *program* is itself what runs: a script may lead into a container, where a path means another folder."""
    try:
        with Path(program).open("rb") as file:
            return file.read(4) in _EXECUTABLES
    except OSError:
        return False
