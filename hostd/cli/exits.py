"""How a verb ends: the exit codes that scripts rely on, and the failures that lead to one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import IntEnum

from hostd.cli.output import say
from hostd.domain.errors import HostdError
from hostd.models.errors import ModelNotFound


class Code(IntEnum):
    """Exit codes; 75 and 78 are EX_TEMPFAIL and EX_CONFIG of sysexits.h."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    UNKNOWN_MODEL = 5
    BUSY = 75
    BAD_CONFIG = 78
    INTERRUPTED = 130


class VerbError(Exception):
    """A verb ends early; *message* says what happened, why, and which command to run next."""

    def __init__(self, message: str, code: Code = Code.FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class DaemonUnreachable(VerbError):
    """No daemon answers at its address."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"no hostd answers at {address} ({why}); start it with: hostd serve", Code.UNREACHABLE)


class FailureCollector:
    """The failures of a verb that goes on with its other models; the largest exit code of all is kept.

    A model that is one of *profiles* is named in front of an error that only names what its hub calls it.
    """

    def __init__(self, profiles: Collection[str]) -> None:
        self.models: list[str] = []
        self.code = Code.OK
        self._profiles = profiles

    def __repr__(self) -> str:
        return f"<FailureCollector {self.models} {self.code!r}>"

    @contextmanager
    def about(self, model: str) -> Iterator[None]:
        """Print what fails inside the block, and go on after it."""
        try:
            yield
        except VerbError as failure:
            self._add(model, failure.message, failure.code)
        except HostdError as error:
            name = f"{model}: " if model in self._profiles else ""
            code = Code.UNKNOWN_MODEL if isinstance(error, ModelNotFound) else Code.FAILURE
            self._add(model, f"{name}{error.message}", code)

    def _add(self, model: str, sentence: str, code: Code) -> None:
        say(sentence)
        self.code = max(self.code, code)
        if model not in self.models:
            self.models.append(model)
