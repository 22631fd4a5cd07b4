"""The errors that refused requests are answered with: what happened, why, and when to try again, with the model's own numbers."""

from collections.abc import Mapping, Sequence

from hostd.domain.errors import CapacityError, HostdError, RequestError
from hostd.domain.reason import FallbackReason
from hostd.domain.units import format_bytes
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.left_out import amounts_of
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess, plus
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.model_state import ModelState


def nearest(
    options: Sequence[LoadOption], free: Bytes, candidates: Sequence[EvictionCandidate]
) -> tuple[LoadOption, dict[str, int]]:
    """Return the option that is short of least when all *candidates* are evicted, and what it is short of then."""
    for each in candidates:
        free = plus(free, each.bytes)
    found = min(options, key=lambda option: sum(excess(option.peak, free).values()))
    return found, excess(found.peak, free)


def insufficient_memory(short: Bytes, pinned: Sequence[str], others: Mapping[str, int], capacity: Bytes) -> str:
    """Return why memory is not enough: what is *short* of how much (*capacity*), which models are *pinned*, what others hold."""
    why = f"it lacks {amounts_of(short)} even if every model that may go has gone"
    for pool in sorted(short):
        whole = format_bytes(capacity.get(pool, 0))
        why += f"; models may hold {whole} of {pool} in all (memory.reserve in hostd.yaml says what is left to others)"
    if pinned:
        why += f"; {', '.join(pinned)} {'are' if len(pinned) > 1 else 'is'} pinned"
    return why + _held_by(others, short)


def load_deferred(short: Bytes, others: Mapping[str, int]) -> str:
    """Return why a load that no request waits for evicts no model now: what is *short*, and what other programs hold."""
    why = f"it lacks {amounts_of(short)} beside the models that are in use, and comes up in quieter times"
    return why + _held_by(others, short)


def _held_by(others: Mapping[str, int], short: Bytes) -> str:
    held = (f"{format_bytes(count)} of {pool}" for pool, count in sorted(others.items()) if pool in short and count)
    return "".join(f"; other programs hold {each}" for each in held)


def queue_full(model: ModelState) -> CapacityError:
    """Return the error where a model's queue is full."""
    return CapacityError(
        f"'{model.name}' is busy: {len(model.serving)} requests are being answered and {len(model.queue)} wait, "
        f"which is all that max_queue: {model.profile.limits.max_queue} allows",
        code="queue_full",
        status=429,
        retry_after=model.expected_wait(),
    )


def long_queue(model: ModelState) -> CapacityError:
    """Return the error where the queue is so long that a request would wait in vain."""
    return CapacityError(
        f"'{model.name}' would not have a free place for another {model.expected_wait():.0f} s, longer than its queue_timeout: "
        f"{len(model.serving)} requests are being answered and {len(model.queue)} wait",
        code=FallbackReason.QUEUE_TIMEOUT,
        retry_after=model.expected_wait(),
    )


def queue_timeout(model: ModelState, waited: float) -> CapacityError:
    """Return the error where a model had no free slot within its queue_timeout."""
    return CapacityError(
        f"'{model.name}' had no free place within {waited:.1f} s (queue_timeout); "
        f"{len(model.serving)} requests are being answered and {len(model.queue)} wait",
        code=FallbackReason.QUEUE_TIMEOUT,
        retry_after=model.expected_wait(),
    )


def out_of_time(model: ModelState, waited: float) -> CapacityError:
    """Return the error where the whole time of a request went by in queues."""
    return CapacityError(
        f"the request waited {waited:.1f} s for '{model.name}', which is all the time it had; "
        "give it more with x-hostd-timeout or total_timeout",
        code="timeout",
        status=504,
        retry_after=model.expected_wait(),
    )


def down(model: ModelState, now: float) -> tuple[FallbackReason, CapacityError]:
    """Return the reason and the error where a model cannot be loaded now, or keeps crashing."""
    until = model.restarts.again_at or model.restarts.closed_until or now
    verb = "could not be loaded" if model.down_reason is not FallbackReason.CRASHED else "keeps crashing"
    error = CapacityError(
        f"'{model.name}' {verb}: {model.last_error}",
        code=model.down_reason,
        retry_after=until - now,
    )
    return model.down_reason, error


def failed(model: ModelState, event: AttemptFailed) -> HostdError:
    """Return the error where a model failed a request before it began to answer."""
    error = _failed(model, event)
    if event.logged is not None:
        error.logged = f"'{model.name}' did not answer: {event.logged}"
    return error


def _failed(model: ModelState, event: AttemptFailed) -> HostdError:
    if event.reason is FallbackReason.CONTEXT_TOO_LONG:
        return RequestError(event.detail, code="context_length_exceeded", param="messages")
    if event.reason is FallbackReason.BAD_TOOL_CALL and 400 <= event.status < 500:
        return RequestError(event.detail, code="engine_refused", status=event.status, param="tools")
    if event.reason is FallbackReason.CONTENT_POLICY:
        return RequestError(event.detail, code="content_filter", status=event.status)
    if event.reason is FallbackReason.UNFIT and event.status == 400:
        return RequestError(event.detail, code=FallbackReason.UNFIT)
    answered = event.reason is FallbackReason.CHECK_FAILED
    return CapacityError(
        event.detail if answered else f"'{model.name}' did not answer: {event.detail}",
        code=event.reason,
        status=event.status,
        retry_after=model.expected_wait() if event.retry_after is None else event.retry_after,
    )


def not_loaded(model: ModelState, why: str) -> tuple[FallbackReason, CapacityError]:
    """Return the reason and the error where a load ended for want of memory, as *why* says."""
    text = f"'{model.name}' cannot be loaded: {why}"
    return FallbackReason.OUT_OF_MEMORY, CapacityError(
        text, code=FallbackReason.OUT_OF_MEMORY, retry_after=model.expected_wait()
    )


def closing() -> CapacityError:
    """Return the error while hostd shuts down."""
    return CapacityError("hostd is shutting down; send the request again in a moment", code="closing", retry_after=5.0)
