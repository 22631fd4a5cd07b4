"""The sentences of refusal: what happened, why, and when to come back, with the lane's own numbers."""

from hostd.domain.errors import CapacityError, HostdError, RequestError
from hostd.domain.reason import Reason
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.lane import Lane


def queue_full(lane: Lane) -> CapacityError:
    """Say that nobody else may wait for this model."""
    return CapacityError(
        f"'{lane.profile.name}' is busy: {len(lane.serving)} requests are being answered and {len(lane.queue)} wait, "
        f"which is all that max_queue: {lane.profile.limits.max_queue} allows",
        code="queue_full",
        status=429,
        retry_after=lane.expected_wait(),
    )


def queue_timeout(lane: Lane, waited: float) -> CapacityError:
    """Say that the model had no place within its queue_timeout."""
    return CapacityError(
        f"'{lane.profile.name}' had no free place within {waited:.1f} s (queue_timeout); "
        f"{len(lane.serving)} requests are being answered and {len(lane.queue)} wait",
        code=Reason.QUEUE_TIMEOUT,
        retry_after=lane.expected_wait(),
    )


def out_of_time(lane: Lane, waited: float) -> CapacityError:
    """Say that the whole time of a request went by in queues."""
    return CapacityError(
        f"the request waited {waited:.1f} s for '{lane.profile.name}', which is all the time it had; "
        "give it more with x-hostd-timeout or total_timeout",
        code="timeout",
        status=504,
        retry_after=lane.expected_wait(),
    )


def down(lane: Lane, now: float) -> tuple[Reason, CapacityError]:
    """Say that the model cannot be had now, and why its engine is down."""
    until = lane.restarts.again_at or lane.restarts.closed_until or now
    verb = "could not be loaded" if lane.down_reason is not Reason.CRASHED else "keeps crashing"
    error = CapacityError(
        f"'{lane.profile.name}' {verb}: {lane.last_error}",
        code=lane.down_reason,
        retry_after=until - now,
    )
    return lane.down_reason, error


def failed(lane: Lane, event: AttemptFailed) -> HostdError:
    """Say how the model failed a request before it began to answer."""
    if event.reason is Reason.CONTEXT_TOO_LONG:
        return RequestError(event.detail, code="context_length_exceeded", param="messages")
    return CapacityError(
        f"'{lane.profile.name}' did not answer: {event.detail}",
        code=event.reason,
        status=event.status,
        retry_after=lane.expected_wait(),
    )


def no_room(lane: Lane, why: str) -> tuple[Reason, CapacityError]:
    """Say that the model does not fit into the memory that there is."""
    text = f"'{lane.profile.name}' cannot be loaded: {why}"
    return Reason.OUT_OF_MEMORY, CapacityError(text, code=Reason.OUT_OF_MEMORY, retry_after=lane.expected_wait())


def closing() -> CapacityError:
    """Say that hostd is going down."""
    return CapacityError("hostd is shutting down; send the request again in a moment", code="closing", retry_after=5.0)
