"""Why a request falls back to another target, and why an engine ended: two closed vocabularies that users see."""

from enum import StrEnum


class FallbackReason(StrEnum):
    """Why a request fell back to another target; the word after ``fallback:`` in ``x-hostd-route``."""

    QUEUE_TIMEOUT = "queue_timeout"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"
    STALL = "stall"
    CONNECT = "connect"
    STATUS_5XX = "status_5xx"
    STATUS_429 = "status_429"
    LOAD_FAILED = "load_failed"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_TOOL_CALL = "bad_tool_call"
    BREAKER_OPEN = "breaker_open"
    UNFIT = "unfit"
    PRIVACY = "privacy"
    BUDGET = "budget"
    CONTENT_POLICY = "content_policy"
    LOOP = "loop"
    CHECK_FAILED = "check_failed"


USUAL_REASONS = frozenset(FallbackReason) - {
    FallbackReason.CONTENT_POLICY,
    FallbackReason.LOOP,
    FallbackReason.CHECK_FAILED,
}
"""What a fallback takes unless its rule says otherwise: what a provider's policy forbids is asked of no other model by itself,
what goes round in a circle of a role's `safety` model alone, and what a cascade has not let pass of models further up alone."""


class ExitClass(StrEnum):
    """Why an engine ended, by its exit status and its last log lines."""

    OUT_OF_MEMORY = "out_of_memory"
    BAD_FLAG = "bad_flag"
    MISSING_FILE = "missing_file"
    PORT_TAKEN = "port_taken"
    DRIVER = "driver"
    UNKNOWN = "unknown"

    @property
    def mends_itself(self) -> bool:
        """Whether starting the same engine again, unchanged, could help."""
        return self not in (ExitClass.BAD_FLAG, ExitClass.MISSING_FILE)
