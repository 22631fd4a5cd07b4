"""The sentences of refusal."""

import pytest

from hostd.domain.errors import RequestError
from hostd.domain.lifecycle import State
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.scheduling import refusal_errors
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.model_state import ModelState
from tests.scheduling.scenario import profile


@pytest.fixture
def model() -> ModelState:
    """A ready model with two places whose requests take six seconds."""
    return ModelState(profile("a", max_concurrent=2, max_queue=7), State.READY, slots=2, service_seconds=6.0)


def test_a_full_queue_names_its_limit(model: ModelState) -> None:
    """The owner sees which setting to change."""
    error = refusal_errors.queue_full(model)
    assert (
        "'a' is busy: 0 requests are being answered and 0 wait, which is all that max_queue: 7 allows" == error.message
    )
    assert ("queue_full", 429, 3.0) == (error.code, error.status, error.retry_after)


def test_queue_time_says_how_long_it_was(model: ModelState) -> None:
    """The code is the reason that a fallback would have been used for."""
    error = refusal_errors.queue_timeout(model, 30.04)
    assert "'a' had no free place within 30.0 s (queue_timeout); 0 requests are being answered and 0 wait" == (
        error.message
    )
    assert ("queue_timeout", 503, 3.0) == (error.code, error.status, error.retry_after)


def test_a_spent_time_names_the_ways_to_get_more(model: ModelState) -> None:
    """It is 504: the client's own limit, or the owner's."""
    error = refusal_errors.out_of_time(model, 2.0)
    assert ("timeout", 504) == (error.code, error.status)
    assert error.message.endswith("give it more with x-hostd-timeout or total_timeout")


@pytest.mark.parametrize(
    ("down_reason", "verb"),
    [
        (FallbackReason.LOAD_FAILED, "could not be loaded"),
        (FallbackReason.OUT_OF_MEMORY, "could not be loaded"),
        (FallbackReason.CRASHED, "keeps crashing"),
    ],
)
def test_a_model_that_is_down_says_why_and_until_when(
    model: ModelState, down_reason: FallbackReason, verb: str
) -> None:
    """The reason is the fallback's reason, and the time to come back is that of the next try."""
    model.down_reason, model.last_error = down_reason, "no such file"
    model.restarts.failed(ExitClass.MISSING_FILE, 100.0)
    reason, error = refusal_errors.down(model, 103.0)
    assert (down_reason, f"'a' {verb}: no such file", 7.0) == (reason, error.message, error.retry_after)


def test_a_failed_attempt_keeps_its_status(model: ModelState) -> None:
    """The client learns what the last engine did."""
    error = refusal_errors.failed(model, AttemptFailed("t1", FallbackReason.STATUS_5XX, "status 500", 502))
    assert "'a' did not answer: status 500" == error.message
    assert ("status_5xx", 502, 3.0) == (error.code, error.status, error.retry_after)


def test_a_prompt_that_is_too_long_is_the_clients_error(model: ModelState) -> None:
    """It is 400 in the engine's words, and waiting does not help."""
    error = refusal_errors.failed(
        model, AttemptFailed("t1", FallbackReason.CONTEXT_TOO_LONG, "9000 tokens are more than 4096")
    )
    assert isinstance(error, RequestError)
    assert ("context_length_exceeded", 400, None) == (error.code, error.status, error.retry_after)
    assert "9000 tokens are more than 4096" == error.message


def test_what_no_model_can_do_is_the_clients_error(model: ModelState) -> None:
    """A picture that none can read is not read by asking again; a target that was out of place is no mistake."""
    error = refusal_errors.failed(model, AttemptFailed("t1", FallbackReason.UNFIT, "no pictures", 400))
    assert isinstance(error, RequestError)
    assert ("unfit", 400, "no pictures") == (error.code, error.status, error.message)
    assert 503 == refusal_errors.failed(model, AttemptFailed("t1", FallbackReason.UNFIT, "not here", 503)).status


def test_closing_asks_to_come_back() -> None:
    """A service manager has hostd up again within seconds."""
    assert ("closing", 503, 5.0) == (
        refusal_errors.closing().code,
        refusal_errors.closing().status,
        refusal_errors.closing().retry_after,
    )
