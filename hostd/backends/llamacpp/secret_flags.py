"""Flags whose values the owner took from the environment: they stay there, because a command line is everybody's to read.

llama-server has a variable for most of its flags, and names it in its help. Where a build names none, the flag has to go on the
command line.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.flags import NATIVE, stamp
from hostd.domain.profile import Profile
from hostd.domain.secret import Secret
from hostd.programs import output_of

_PATIENCE = 5.0
_FLAGS = re.compile(r"(?:-{1,2}[A-Za-z][\w-]*,?\s+)+")
_NAME = re.compile(r"-{1,2}([A-Za-z][\w-]*)")
_VARIABLE = re.compile(r"\(env: ([A-Z][A-Z0-9_]*)\)")


class SecretFlags:
    """Moves secret flags of profiles into the environment, as the builds allow; threads may share it."""

    def __init__(self) -> None:
        self._variables: dict[tuple[object, ...], Mapping[str, str]] = {}

    def moved(
        self, program: tuple[str, ...], profile: Profile, environment: Mapping[str, str]
    ) -> tuple[Profile, dict[str, str]]:
        """Return *profile* without the flags that *program* reads from variables instead, and these variables.

        Blocks at the first secret of a build, whose help is read, run in *environment*.
        """
        secret = {name: str(value) for name, value in profile.args.items() if isinstance(value, Secret)}
        if not secret:
            return profile, {}
        known = self._known(program, environment)
        moved = {name: variable for name in secret if (variable := variable_of(program, name, known))}
        args = {name: value for name, value in profile.args.items() if name not in moved}
        return replace(profile, args=args), {variable: secret[name] for name, variable in moved.items()}

    def _known(self, program: tuple[str, ...], environment: Mapping[str, str]) -> Mapping[str, str]:
        # Any other command, a script or a container, might begin to serve.
        if Path(program[-1]).name not in NATIVE:
            return {}
        build = (program, stamp(program))
        if build not in self._variables:
            said = output_of((*program, "--help"), environment, seconds=_PATIENCE, errors_too=True)
            self._variables[build] = variables(said.text) if said else {}
        return self._variables[build]


def variable_of(program: tuple[str, ...], flag: str, known: Mapping[str, str]) -> str | None:
    """Return the variable that *program* reads for *flag*; hostd's launcher of the wheel has one for each flag."""
    if str(LAUNCHER) in program:
        return f"LLAMA_ARG_{flag.upper().replace('-', '_')}"
    return known.get(flag)


def variables(text: str) -> dict[str, str]:
    """Return the variable of each flag that llama-server's help in *text* names one for, by the flag without dashes."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        if flags := _FLAGS.match(line + " "):
            names = _NAME.findall(flags[0])
        if variable := _VARIABLE.search(line):
            found |= dict.fromkeys(names, variable[1])
    return found
