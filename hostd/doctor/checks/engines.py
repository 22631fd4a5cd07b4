"""Which engines this machine has, of which versions, and whether a version is known to be bad."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hostd.backends.environment import engine_environment
from hostd.backends.llamacpp import build as llamacpp_build
from hostd.backends.llamacpp.command_line import locate as locate_llamacpp
from hostd.backends.mlx.command_line import python_of
from hostd.backends.vllm import build as vllm_build
from hostd.backends.vllm.engine import locate as locate_vllm
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, fine, skipped, warned
from hostd.domain.errors import EngineError
from hostd.domain.profile import Settings
from hostd.domain.reason import ExitClass
from hostd.programs import find_program, output_of

ENGINES = ("llamacpp", "vllm", "ollama", "mlx")

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_OLLAMA_CLIENT = re.compile(r"client version is (\d+(?:\.\d+)+)")
_MLX_VERSION = "import importlib.metadata as m; print(m.version('mlx-lm'))"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine of this machine: the *program*, or why there is none in *missing*; *version* None where it does not tell.

    *wanted_by* are the profiles that nothing else can serve.
    """

    name: str
    program: str | None = None
    version: str | None = None
    missing: str = ""
    wanted_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownBad:
    """Versions of an engine that should not be used: from *first* on, and before *fixed*, in numbers."""

    engine: str
    first: tuple[int, ...]
    fixed: tuple[int, ...]
    why: str


KNOWN_BAD = (
    KnownBad("llamacpp", (0,), (8146,), "a model file can make it write past its memory (CVE-2026-27940)"),
    # https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/2289: b10252 still has it.
    KnownBad(
        "llamacpp",
        (0,),
        (10253,),
        "a model file's vocabulary can make it write past its memory (ggml-org/llama.cpp#26511)",
    ),
    KnownBad("vllm", (0, 8, 3), (0, 14, 1), "a picture or video in a request can run code in it (CVE-2026-22778)"),
    KnownBad(
        "ollama", (0,), (0, 17, 1), "a model file can make it give away its memory, keys among it (CVE-2026-7482)"
    ),
    KnownBad("ollama", (0, 34, 2), (0, 35, 0), "a name that it is sent can make it write anywhere (CVE-2026-103663)"),
)
"""Advisories on what hostd's use of these engines can meet; for one that is fixed, the version that fixes it is enough."""


def check_of(engine: str) -> Callable[[CheckContext], Findings]:
    """Return the check of one engine: each has its own time, since each is asked for its version."""
    return lambda context: judge(gather(engine, context))


def gather(engine: str, context: CheckContext) -> EngineFacts:
    """Return what is known of *engine*. Blocks: a program is started."""
    wanted = _wanted_by(engine, context.settings)
    try:
        program = program_of(engine, context.settings)
    except EngineError as error:
        return EngineFacts(engine, missing=error.message, wanted_by=wanted)
    version = _VERSIONS[engine](program, context.program_patience)
    named = "the xllamacpp wheel" if str(llamacpp_build.LAUNCHER) in program else program[0]
    return EngineFacts(engine, named, version, wanted_by=wanted)


def program_of(engine: str, settings: Settings) -> tuple[str, ...]:
    """Return the command line by which hostd would start *engine*, as far as it does not depend on a model.

    Raises:
        EngineError: It is not installed.
    """
    return _PROGRAMS[engine](tuple(settings.commands.get(engine, ())))


def judge(facts: EngineFacts) -> Findings:
    """Return the finding on one engine."""
    if facts.program is None and facts.wanted_by:
        named = ", ".join(facts.wanted_by)
        return (
            warned(
                f"{facts.name} is not found, and nothing else serves {named}",
                facts.missing,
                f"install it, or give {named} another variant",
            ),
        )
    if facts.program is None:
        return skipped(f"{facts.name} is not installed", "no profile depends on it")
    told = f"{facts.name} {facts.version or 'of unknown version'} at {facts.program}"
    bad = known_bad(facts.name, facts.version)
    if bad is not None:
        fixed = ".".join(map(str, bad.fixed))
        return (warned(f"{told} is a version with a known hole", bad.why, f"update {facts.name} to {fixed} or newer"),)
    return fine(told)


def known_bad(engine: str, version: str | None) -> KnownBad | None:
    """Return the advisory on this *version* that takes the newest version to fix; None where there is none."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version or "")[:3])
    hit = [each for each in KNOWN_BAD if each.engine == engine and numbers and each.first <= numbers < each.fixed]
    return max(hit, key=lambda each: each.fixed, default=None)


def _wanted_by(engine: str, settings: Settings) -> tuple[str, ...]:
    """Return the profiles for which hostd would start *engine* and nothing else: other variants may be for other machines."""
    return tuple(
        profile.name
        for profile in settings.profiles.values()
        if all(each.backend == engine and each.url is None for each in profile.variants)
    )


def _ollama(command: tuple[str, ...]) -> tuple[str, ...]:
    named = command[0] if command else "ollama"
    program = find_program(named)
    if program is None:
        raise EngineError(f"the command '{named}' was not found", exit_class=ExitClass.MISSING_FILE)
    return (program, *command[1:])


def _llamacpp_version(program: tuple[str, ...], seconds: float) -> str | None:
    build = llamacpp_build.build_of(program, seconds)
    return None if build is None else str(build)


def _vllm_version(program: tuple[str, ...], seconds: float) -> str | None:
    return vllm_build.build_of(program[0], seconds).version


def _ollama_version(program: tuple[str, ...], seconds: float) -> str | None:
    done = output_of((program[0], "--version"), engine_environment(os.environ), seconds=seconds, errors_too=True)
    if done is None:
        return None
    # Where a server runs, its version comes first; what hostd starts is the client's.
    found = _OLLAMA_CLIENT.search(done.text)
    return found[1] if found else next(iter(_VERSION.findall(done.text)), None)


def _mlx_version(program: tuple[str, ...], seconds: float) -> str | None:
    done = output_of((program[0], "-I", "-c", _MLX_VERSION), engine_environment(os.environ), seconds=seconds)
    return done.text.strip() or None if done and not done.status else None


_PROGRAMS: Mapping[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "llamacpp": locate_llamacpp,
    "vllm": locate_vllm,
    "ollama": _ollama,
    "mlx": lambda command: (python_of(command),),
}
_VERSIONS: Mapping[str, Callable[[tuple[str, ...], float], str | None]] = {
    "llamacpp": _llamacpp_version,
    "vllm": _vllm_version,
    "ollama": _ollama_version,
    "mlx": _mlx_version,
}
