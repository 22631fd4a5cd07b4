"""Flags whose values the owner took from the environment: they stay there, because any user of the machine can read a command line.

llama-server has a variable for most of its flags, and names it in its help. Where a build names none, the flag has to go on the
command line.
"""

from collections.abc import Mapping
from dataclasses import replace

from hostd.backends.llamacpp.build import LAUNCHER
from hostd.backends.llamacpp.help_page import HelpPages, variables
from hostd.domain.profile import Profile
from hostd.domain.secret import Secret


def moved(
    program: tuple[str, ...], profile: Profile, environment: Mapping[str, str], pages: HelpPages
) -> tuple[Profile, dict[str, str]]:
    """Return *profile* without the secret flags that *program* reads from variables instead, and these variables.

    Blocks at the first secret of a build, whose help is read, run in *environment*.
    """
    secret = {name: str(value) for name, value in profile.args.items() if isinstance(value, Secret)}
    if not secret:
        return profile, {}
    known = variables(pages.of(program, environment))
    found = {name: variable for name in secret if (variable := _variable(program, name, known))}
    args = {name: value for name, value in profile.args.items() if name not in found}
    return replace(profile, args=args), {variable: secret[name] for name, variable in found.items()}


def _variable(program: tuple[str, ...], flag: str, known: Mapping[str, str]) -> str | None:
    if str(LAUNCHER) in program:
        # hostd's launcher of the wheel reads one for each flag.
        return f"LLAMA_ARG_{flag.upper().replace('-', '_')}"
    return known.get(flag)
