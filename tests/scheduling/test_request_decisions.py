"""Decisions on one request tell how busy the model is that they concern."""

from hostd.domain.errors import HostdError
from hostd.domain.reason import FallbackReason
from hostd.scheduling import request_decisions
from tests.scheduling.scenario import Rehearsal, profile


def test_they_tell_of_the_load_of_the_model() -> None:
    """Requests that are served and that wait, the wait in milliseconds, and the words that may be logged."""
    play = Rehearsal(profile("a", "b", max_concurrent=1), profile("b"))
    play.warm("a", slots=1)
    play.arrive("1")
    play.arrive("2")
    model = play.scheduler.models["a"]
    request = model.queue.oldest()
    assert request is not None
    request.queued = 1.5
    error = HostdError("it said: hush")
    error.logged = "it said something"
    told = request_decisions.refused(model, request, error)
    assert ("a", "2", "error", "it said something", 1500.0) == (
        told.model,
        told.ticket_id,
        told.code,
        told.why,
        told.waited_ms,
    )
    assert told.in_flight == told.queued == request_decisions.routed(model, request).in_flight == 1
    moved = request_decisions.fell_back(model, request, FallbackReason.CRASHED, HostdError("gone"), 0.25)
    assert ("gone", 250.0) == (moved.why, moved.waited_ms)
