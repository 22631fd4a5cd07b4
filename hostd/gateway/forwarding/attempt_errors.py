"""How an attempt fails: so that another target may still answer the request, or so that none can."""

from hostd.backends.tool_refusals import concerns_tools
from hostd.dialects.base import MALFORMED_CALL
from hostd.domain.errors import CapacityError, HostdError, RequestError
from hostd.domain.reason import FallbackReason
from hostd.scheduling.events import AttemptFailed


class RetryableFailure(Exception):
    """An attempt failed before anything of its answer had gone to the client; another target may still answer.

    *reached* says that the engine may have read some of the request. *logged* stands for a *detail* that repeats what an engine
    said: it is for who asked, and an engine may quote the prompt. *retry_after* is for how many seconds the server wants to be
    left alone; None where it does not say. *cost* (USD) and *tokens* are those of a whole answer that a check has not let pass.
    """

    def __init__(  # noqa: PLR0913 - all that the scheduler is told
        self,
        reason: FallbackReason,
        detail: str,
        status: int = 503,
        *,
        reached: bool = True,
        logged: str | None = None,
        retry_after: float | None = None,
        cost: float | None = None,
        tokens: int = 0,
    ) -> None:
        super().__init__(detail)
        self.cost = cost
        self.tokens = tokens
        self.logged = logged
        self.retry_after = retry_after
        self.reached = reached
        self.reason = reason
        self.detail = detail
        self.status = status

    def event(self, ticket_id: str, detail: str, digest: str | None) -> AttemptFailed:
        """Return what the scheduler is told of the request *ticket_id*, with *detail* and *digest* as in `AttemptFailed`."""
        return AttemptFailed(
            ticket_id,
            self.reason,
            detail,
            self.status,
            digest,
            self.logged,
            self.retry_after,
            self.cost,
            self.tokens,
        )


class TerminalFailure(Exception):
    """The request ends here with an error: no other target could do better, or the answer had begun.

    *broke_off* says that the answer had begun and that the target did not finish it.
    """

    def __init__(self, error: HostdError, *, broke_off: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.broke_off = broke_off


class ToolCallFailure(Exception):
    """The engine's call of a tool cannot be read, or the engine can do nothing with the request's tools: asked again, it may.

    *detail*, *status* and *logged* as in `RetryableFailure`.
    """

    def __init__(self, detail: str, status: int = 502, *, logged: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.logged = logged
        self._status = status

    @property
    def final(self) -> RetryableFailure:
        """What it means where the same engine is not asked again."""
        return RetryableFailure(FallbackReason.BAD_TOOL_CALL, self.detail, self._status, logged=self.logged)


def rejected_by_engine(
    error: HostdError, retry_after: float | None = None, *, tools: bool = False
) -> RetryableFailure | TerminalFailure | ToolCallFailure:
    """Return what an engine's error answer means for the request: try elsewhere, or once more, or tell the client.

    *retry_after* as in `RetryableFailure`. *tools* says that the request has some.
    """
    logged = without_words(error)
    if tools and concerns_tools(error):
        return ToolCallFailure(error.message, error.status if error.status < 500 else 502, logged=logged)
    if isinstance(error, RequestError):
        if error.code == "context_length_exceeded":
            return RetryableFailure(FallbackReason.CONTEXT_TOO_LONG, error.message, error.status, logged=logged)
        if error.code == FallbackReason.UNFIT:
            return RetryableFailure(FallbackReason.UNFIT, error.message, error.status, logged=logged)
        if error.code == "content_filter":
            return RetryableFailure(FallbackReason.CONTENT_POLICY, error.message, error.status, logged=logged)
        return TerminalFailure(error)
    if error.status == 429:
        return RetryableFailure(FallbackReason.STATUS_429, error.message, 429, logged=logged, retry_after=retry_after)
    detail = f"{error.message} (status {error.status})"
    return RetryableFailure(FallbackReason.STATUS_5XX, detail, 502, logged=logged, retry_after=retry_after)


def without_words(error: HostdError) -> str:
    """Return what an engine's *error* means in hostd's words alone: an engine may quote the prompt, and others read the log."""
    return (
        f"the engine answered with an error (status {error.status}); its words are left out: they may quote the request"
    )


def no_answer(what: str) -> RetryableFailure | ToolCallFailure:
    """Return that an upstream has sent no answer, because of *what*."""
    if what == MALFORMED_CALL:
        return ToolCallFailure(what)
    return RetryableFailure(FallbackReason.STATUS_5XX, what, 502)


def out_of_time(model: str, state: str) -> CapacityError:
    """Return the error where the whole time of a request is up; *state* tells how far its prompt was read (a clause, or empty)."""
    return CapacityError(
        f"'{model}' was not done within the whole time of the request{state}; give it more with x-hostd-timeout or "
        "total_timeout, or ask for fewer tokens",
        code="timeout",
        status=504,
        retry_after=1.0,
    )
