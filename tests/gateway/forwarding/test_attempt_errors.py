"""What an engine's error means for a request: another target may do better, or none can."""

import pytest

from hostd.domain.errors import CapacityError, HostdError, RequestError
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.attempt_errors import RetryableFailure, TerminalFailure, rejected_by_engine


def test_a_prompt_that_is_too_long_may_fit_elsewhere() -> None:
    """Contexts differ."""
    found = rejected_by_engine(RequestError("too long", code="context_length_exceeded"))
    assert isinstance(found, RetryableFailure)
    assert (FallbackReason.CONTEXT_TOO_LONG, "too long", 400) == (found.reason, found.detail, found.status)


def test_what_one_model_cannot_do_another_may() -> None:
    """Such as read a picture."""
    found = rejected_by_engine(RequestError("no pictures", code="unfit"))
    assert isinstance(found, RetryableFailure)
    assert (FallbackReason.UNFIT, "no pictures", 400) == (found.reason, found.detail, found.status)


def test_a_mistake_is_one_everywhere() -> None:
    """No other target is asked about it."""
    error = RequestError("no such tool", code="engine_refused", status=422)
    found = rejected_by_engine(error)
    assert isinstance(found, TerminalFailure)
    assert error is found.error


@pytest.mark.parametrize(
    ("status", "reason", "answered"), [(429, FallbackReason.STATUS_429, 429), (500, FallbackReason.STATUS_5XX, 502)]
)
def test_an_engine_in_trouble_is_left(status: int, reason: FallbackReason, answered: int) -> None:
    """The reason says which trouble; for the client it is the gateway's."""
    found = rejected_by_engine(CapacityError("busy", code="engine_failed", retry_after=1.0, status=status))
    assert isinstance(found, RetryableFailure)
    assert (reason, answered, True) == (found.reason, found.status, found.detail.startswith("busy"))


@pytest.mark.parametrize(
    "error",
    [
        CapacityError("cannot parse: xyzzy", code="engine_failed", retry_after=1.0, status=500),
        CapacityError("xyzzy", code="engine_failed", retry_after=1.0, status=429),
        RequestError("xyzzy is too long", code="context_length_exceeded"),
    ],
)
def test_an_engines_words_are_for_who_asked_alone(error: HostdError) -> None:
    """An engine may quote the prompt; the log, which others read, gets the status."""
    found = rejected_by_engine(error)
    assert isinstance(found, RetryableFailure)
    assert "xyzzy" in found.detail
    assert found.logged is not None
    assert "xyzzy" not in found.logged
    assert str(error.status) in found.logged
