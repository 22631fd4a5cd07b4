"""The fault catalogue: sixteen ways in which a provider fails, and what a client may then see.

After the scenarios of Failover Bench (github.com/failoverbench/failoverbench), with its limits of time and of attempts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.provoked import OTHER, TOKENS, Json, Observed

Judge = Callable[[Observed, str, bool], None]
"""Judges what was *seen* of a request to *model*, which was *streamed* or not."""

TOO_LONG: Json = {
    "status": 400,
    "body": {
        "error": {
            "message": "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
}
FILTERED: Json = {
    "status": 400,
    "body": {
        "error": {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": "content_filter",
        }
    },
}
LIMITED: Json = {"status": 429, "headers": {"Retry-After": "2"}}
NO_PREFILL: Json = {"no_prefill": True}
LONGEST = 60.0
"""Seconds within which any request ends: three times the longest limit of the profiles."""
MOST_ATTEMPTS = 6


@dataclass(frozen=True)
class Scenario:
    """One fault: what the primary's requests meet, one after another, and how the outcome is judged."""

    name: str
    title: str
    plans: Sequence[Json]
    judge: Judge
    alone: bool = False
    other: Sequence[Json] = ({},)
    body: Mapping[str, Any] = field(default_factory=dict)


def primary(seen: Observed, model: str) -> None:
    """The primary answers all of it."""
    assert ("whole", (model, "primary")) == (seen.ending, seen.answer.route)


def by_fallback(seen: Observed, model: str, reason: str) -> None:
    """The fallback answers all of it, for *reason*."""
    assert ("whole", (model + OTHER, f"fallback:{reason}")) == (seen.ending, seen.answer.route)


def _limited_once(seen: Observed, model: str, _streamed: bool) -> None:
    primary(seen, model)
    first, second = seen.times(model)
    assert second - first >= 1.8


def _limited(seen: Observed, model: str, _streamed: bool) -> None:
    by_fallback(seen, model, "status_429")
    times = seen.times(model)
    assert len([at for at in times if at <= 3]) <= 4
    assert len(times) <= 6


def _once(seen: Observed, model: str, _streamed: bool) -> None:
    primary(seen, model)
    assert 2 == len(seen.times(model))


def _falls_back(reason: str, *, attempts: int = 1, within: float = 15.0) -> Judge:
    def judge(seen: Observed, model: str, _streamed: bool) -> None:
        by_fallback(seen, model, reason)
        assert attempts >= len(seen.times(model))
        assert seen.seconds <= within

    return judge


def _breaks(reason: str, *, within: float = 15.0) -> Judge:
    """A stream that has begun ends with an error; what has not is answered by another."""

    def judge(seen: Observed, model: str, streamed: bool) -> None:
        # Where all that came, and the fault, was read at once, nothing had been sent yet.
        if streamed and seen.answer.route == (model, "primary"):
            assert "error" == seen.ending
            assert seen.answer.text
            # A client that takes the request for one that may be repeated would repeat it without an end.
            assert seen.answer.error["type"] not in {"server_error", "rate_limit_error", "overloaded_error"}
        else:
            by_fallback(seen, model, reason)
        assert 1 == len(seen.times(model))
        assert seen.seconds <= within

    return judge


def _finalised(seen: Observed, model: str, streamed: bool) -> None:
    primary(seen, model)
    assert seen.seconds < 15
    if streamed:
        sums = [json.loads(event).get("usage") for event in seen.answer.events if event.startswith("{")]
        assert TOKENS in [each["completion_tokens"] for each in sums if each]


def _filtered(seen: Observed, model: str, _streamed: bool) -> None:
    assert (400, "content_filter") == (seen.answer.status, seen.answer.error["code"])
    assert (1, 0) == (len(seen.times(model)), len(seen.times(model + OTHER)))


def _not_continued(seen: Observed, model: str, streamed: bool) -> None:
    _breaks("connect")(seen, model, streamed)
    for each in seen.asked:
        assert "user" == each["body"]["messages"][-1]["role"]


def _named(seen: Observed, model: str, streamed: bool) -> None:
    by_fallback(seen, model, "status_5xx")
    said = "".join(seen.answer.events) if streamed else seen.answer.body.decode()
    assert f'"model": "{model + OTHER}"' in said or f'"model":"{model + OTHER}"' in said
    assert f'"{model}"' not in said
    assert '"completion_tokens"' in said


USAGE = {"stream_options": {"include_usage": True}}

CATALOGUE = (
    Scenario("S01", "429 with Retry-After, once", [LIMITED, {}], _limited_once, alone=True),
    Scenario("S02", "429, always", [{"status": 429}], _limited),
    Scenario("S03", "500, once", [{"status": 500}, {}], _once, alone=True),
    Scenario("S04", "503, always", [{"status": 503}], _falls_back("status_5xx", attempts=2)),
    Scenario("S05", "connection reset before the head, once", [{"reset": True}, {}], _once, alone=True),
    Scenario("S06", "no answer at all", [{"hang": True}], _falls_back("first_token_timeout")),
    Scenario("S07", "first token after 20 s", [{"first_token_delay": 20}], _falls_back("first_token_timeout")),
    Scenario("S08", "cut after 40 of 60 tokens", [{"cut_after": 40}], _breaks("connect")),
    Scenario("S09", "stall of 30 s", [{"stall_after": 5, "stall": 30}, {}], _breaks("stall", within=25)),
    Scenario("S10", "an event that is no JSON", [{"garbage_after": 5}], _breaks("status_5xx")),
    Scenario("S11", "no [DONE], and the connection stays open", [{"no_done": True, "linger": 60}], _finalised, body=USAGE),
    Scenario("S12", "prompt longer than the context", [TOO_LONG], _falls_back("context_too_long")),
    Scenario("S13", "refused by content policy", [FILTERED], _filtered),
    Scenario("S14", "cut; the fallback takes no half answers", [{"cut_after": 40}], _not_continued, other=[NO_PREFILL]),
    Scenario("S16", "the fallback's name and usage", [{"status": 503}], _named, body=USAGE),
)  # fmt: skip
"""All but S15, which is no single request."""
