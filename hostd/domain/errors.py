"""Failures that hostd explains, one class for each party that can mend them: the owner, the client, time, the engine, hostd."""

from dataclasses import dataclass

from hostd.domain.reason import ExitClass

_LONGEST_SHOWN = 100
"""Characters of a stranger's name that a message repeats."""


class HostdError(Exception):
    """A failure that hostd explains.

    *code* is the stable word that programs test for; *status* is the HTTP status that it becomes. *logged* stands for the message
    in the log and in decisions, where others read it, if the message repeats what an engine said. *retry_in_vain* says that the
    same request would most likely fail again, so that clients had better not send it again by themselves.
    """

    code = "error"
    status = 500
    retry_after: float | None = None
    logged: str | None = None
    retry_in_vain = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration file, with the place to look at (lines and columns count from 1)."""

    message: str
    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(HostdError):
    """The owner's files are wrong; carries every problem found, not just the first."""

    code = "bad_config"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class RequestError(HostdError):
    """A request that cannot be served as it is: the client has to change it, sending it again is in vain."""

    def __init__(self, message: str, *, code: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.param = param


class UnknownModel(RequestError):
    """No profile, alias or role has this name."""

    def __init__(self, name: str, nearest: tuple[str, ...], known: tuple[str, ...]) -> None:
        if nearest:
            hint = "did you mean " + " or ".join(f"'{other}'" for other in nearest) + "?"
        elif known:
            hint = "this host serves " + ", ".join(f"'{other}'" for other in known[:8])
        else:
            hint = "this host has no profiles yet; add one to the model_profiles folder"
        shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
        super().__init__(f"unknown model '{shown}'; {hint}", code="model_not_found", status=404, param="model")
        self.nearest = nearest


class CapacityError(HostdError):
    """A sound request that cannot be served now: for want of memory, of a slot, or of time.

    *retry_after* is in seconds, from measured service times, within 1 to 60.
    """

    code = "unavailable"
    status = 503

    def __init__(self, message: str, *, code: str, retry_after: float, status: int = 503) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = min(60.0, max(1.0, retry_after))


class EngineError(HostdError):
    """The engine failed; carries how it ended and its last log lines.

    *self_inflicted* says that what it was asked may be the cause, *own_want* that hostd lacked something, not the engine.
    """

    code = "engine_failed"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        exit_class: ExitClass = ExitClass.UNKNOWN,
        tail: tuple[str, ...] = (),
        status: int = 502,
        self_inflicted: bool = False,
        own_want: bool = False,
    ) -> None:
        super().__init__(message)
        self.exit_class = exit_class
        self.tail = tail
        self.status = status
        self.self_inflicted = self_inflicted
        self.own_want = own_want


class LoadFailed(EngineError):
    """A load by hand that failed; the same load again would fail, too."""

    code = "load_failed"


class Bug(HostdError):
    """A mistake of hostd's own."""

    code = "bug"
