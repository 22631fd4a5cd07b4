"""The sentences of refusal: what happened, why, and when to come back, with the lane's own numbers."""

from collections.abc import Mapping, Sequence

from hostd.domain.errors import CapacityError, HostdError, RequestError
from hostd.domain.reason import Reason
from hostd.domain.units import format_bytes
from hostd.planning.warm_set.load_option import Choice
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.eviction import Candidate
from hostd.scheduling.memory_ledger import Bytes, excess, plus
from hostd.scheduling.model_state import Lane


def told(each: Candidate, lane: Lane, now: float) -> dict[str, object]:
    """Return one candidate as plain data: what its going costs, when it may go, and what that frees."""
    return {
        "model": each.name,
        "cost_s": round(each.price, 2),
        "free_in_s": None if each.free_at is None else round(max(0.0, each.free_at - now), 1),
        "state": str(lane.state),
        "in_flight": len(lane.serving),
        "queued": len(lane.queue),
        "bytes": dict(each.bytes),
    }


def nearest(choices: Sequence[Choice], room: Bytes, candidates: Sequence[Candidate]) -> tuple[Choice, dict[str, int]]:
    """Return the choice that lacks least of *room* when the *candidates* have all gone, and what it lacks then."""
    for each in candidates:
        room = plus(room, each.bytes)
    found = min(choices, key=lambda choice: sum(excess(choice.peak, room).values()))
    return found, excess(found.peak, room)


def steps_down(choices: Sequence[Choice], choice: Choice) -> int:
    """Return how many variants of *choices* are better than that of *choice*."""
    return list(dict.fromkeys(each.variant for each in choices)).index(choice.variant)


def too_little(short: Bytes, pinned: Sequence[str], others: Mapping[str, int], capacity: Bytes) -> str:
    """Return why there will be no room: what is *short*, of how much (*capacity*), who is *pinned*, what other programs hold."""
    why = f"it lacks {_lacking(short)} even if every model that may go has gone"
    for pool in sorted(short):
        whole = format_bytes(capacity.get(pool, 0))
        why += f"; models may hold {whole} of {pool} in all (memory.reserve in hostd.yaml says what is left to others)"
    if pinned:
        why += f"; {', '.join(pinned)} {'are' if len(pinned) > 1 else 'is'} pinned"
    return why + _held_by(others, short)


def not_now(short: Bytes, others: Mapping[str, int]) -> str:
    """Return why a load that nobody waits for has nobody go now: what is *short*, and what other programs hold."""
    why = f"it lacks {_lacking(short)} beside the models that are in use, and comes up in quieter times"
    return why + _held_by(others, short)


def _lacking(short: Bytes) -> str:
    return " and ".join(f"{format_bytes(count)} of {pool}" for pool, count in sorted(short.items()))


def _held_by(others: Mapping[str, int], short: Bytes) -> str:
    held = (f"{format_bytes(count)} of {pool}" for pool, count in sorted(others.items()) if pool in short and count)
    return "".join(f"; other programs hold {each}" for each in held)


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
