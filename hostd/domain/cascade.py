"""What a role's cascade checks in an answer before its client has it."""

from dataclasses import dataclass
from enum import StrEnum


class CascadeCheck(StrEnum):
    """One check of an answer; the word after the model's name in ``x-hostd-cascade``."""

    JSON_SCHEMA = "json_schema"
    TOOL_CALLS = "tool_calls"
    REFUSAL = "refusal"
    REPETITION = "repetition"
    LOGPROB = "logprob"
    JUDGE = "judge"


FREE_CHECKS = (CascadeCheck.JSON_SCHEMA, CascadeCheck.TOOL_CALLS, CascadeCheck.REFUSAL, CascadeCheck.REPETITION)
"""Checks that need nothing but the answer and its request."""


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """Which *checks* an answer has to pass, and how often another model may be asked: *max_steps* (None: while there is one).

    *min_logprob* is the least mean log-probability of its tokens, *judge* the profile that is asked whether it will do; None where
    that is not checked.
    """

    checks: tuple[CascadeCheck, ...] = FREE_CHECKS
    min_logprob: float | None = None
    judge: str | None = None
    max_steps: int | None = None
