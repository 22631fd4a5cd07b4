"""llama-server's flags for a placement, and whether a build understands its command line, asked before memory is freed.

Every llama-server, and hostd's launcher of the wheel's, reads all of its flags before ``--version`` makes it end: so the whole
command line with ``--version`` at its end takes some milliseconds and loads nothing.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import structlog

from hostd.backends.llamacpp import faults
from hostd.backends.llamacpp.build import LAUNCHER, NATIVE, stamp
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.programs import output_of

OPTIONAL = {
    "--device": 1,
    "--metrics": 0,
    "--spec-type": 1,
    "--spec-draft-n-max": 1,
    "--spec-draft-model": 1,
    "--cache-ram": 1,
    "--slot-save-path": 1,
}
"""Flags of hostd's own that an older build may lack, and how many values follow each."""


log = structlog.get_logger()

_PATIENCE = 2.0
_KNOWN = (*NATIVE, LAUNCHER.name)
"""Programs that are known to behave so. Any other command, a script or a container, might just begin to serve."""

_CULPRIT = re.compile(r'^error: (?:invalid|unknown) argument: (\S+)|^error while handling argument "(\S+?)"')


class KnownFlags:
    """The command lines that builds were asked about, and their answers; threads may share it."""

    def __init__(self) -> None:
        self._asked: dict[tuple[object, ...], EngineError | None] = {}
        self._unknown: dict[tuple[object, ...], frozenset[str]] = {}
        self._silent: set[tuple[object, ...]] = set()

    def known(self, program: tuple[str, ...], words: Sequence[str]) -> tuple[str, ...]:
        """Return *words* without those of hostd's own that this build was found not to know."""
        return tuple(_without(words, self._unknown.get((program, stamp(program)), frozenset())))

    def check(
        self, program: tuple[str, ...], words: tuple[str, ...], environment: Mapping[str, str], owners: Collection[str]
    ) -> None:
        """Return if *program* understands *words*, apart from `OPTIONAL` ones; the *owners* flags are never left out.

        A program that is not known to answer, or does not, gets the benefit of the doubt, and is not asked again. Blocks at the
        first call for a command line.

        Raises:
            EngineError: It does not, in its own words.
        """
        if Path(program[-1]).name not in _KNOWN or (program, stamp(program)) in self._silent:
            return
        # By modification time: an update of the build is asked again.
        question = (program, stamp(program), words)
        if question not in self._asked:
            self._asked[question] = self._ask(program, words, environment, owners)
        if (found := self._asked[question]) is not None:
            raise found

    def _ask(
        self, program: tuple[str, ...], words: tuple[str, ...], environment: Mapping[str, str], owners: Collection[str]
    ) -> EngineError | None:
        build = (program, stamp(program))
        unknown = self._unknown.get(build, frozenset())
        while True:
            said = _output_of((*program, *_without(words, unknown), "--version"), environment)
            if said is None:
                self._silent.add(build)
                return None
            status, lines = said
            if faults.classify(status, lines) is not ExitClass.BAD_FLAG:
                self._unknown[build] = unknown
                return None
            culprit, line = _culprit(lines)
            if culprit in unknown or culprit in owners or culprit not in OPTIONAL:
                return EngineError(
                    f"the engine does not understand its flags: {line}; correct the profile's args",
                    exit_class=ExitClass.BAD_FLAG,
                    tail=lines,
                )
            log.warning("flag_left_out", program=program[0], flag=culprit, why=line)
            unknown |= {culprit}


def _culprit(lines: Sequence[str]) -> tuple[str, str]:
    """Return the flag that the build rejects, and the line that says so."""
    for line in lines:
        if found := _CULPRIT.search(line):
            return found[1] or found[2], line
    return "", next((line for line in lines if "error" in line), "it does not say which")


def _without(words: Sequence[str], unwanted: Collection[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word not in unwanted:
            yield word
        else:
            for _ in range(OPTIONAL[word]):
                next(rest, None)


def _output_of(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, tuple[str, ...]] | None:
    """Return the exit status of *command* and what it prints; None where it cannot be asked, or has not ended in time."""
    done = output_of(command, environment, seconds=_PATIENCE, errors_too=True)
    return None if done is None else (done.status, tuple(line for line in done.text.splitlines() if line.strip()))
