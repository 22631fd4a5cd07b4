"""The checks that need nothing but an answer and its request, in the order in which they are made: the cheapest first."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from hostd.domain.cascade import CascadeCheck, CascadeSettings
from hostd.routing.cascade import json_schema, logprob, refusal, repetition, tool_calls
from hostd.routing.cascade.said import Asked, Said

_PLAIN: Mapping[CascadeCheck, Callable[[Asked, Said], str | None]] = {
    CascadeCheck.REFUSAL: refusal.failure,
    CascadeCheck.TOOL_CALLS: tool_calls.failure,
    CascadeCheck.JSON_SCHEMA: json_schema.failure,
    CascadeCheck.REPETITION: repetition.failure,
}


class CheckFailure(NamedTuple):
    """Which *check* an answer has not passed, and *why*; no word of the answer is in it."""

    check: CascadeCheck
    why: str


def failed(settings: CascadeSettings, asked: Asked, said: Said) -> CheckFailure | None:
    """Return the first check of *settings* that the answer to *asked* has not passed; None where it has passed all of these."""
    for check, failure in _PLAIN.items():
        if check in settings.checks and (why := failure(asked, said)) is not None:
            return CheckFailure(check, why)
    if settings.min_logprob is not None and (why := logprob.failure(said, settings.min_logprob)) is not None:
        return CheckFailure(CascadeCheck.LOGPROB, why)
    return None
