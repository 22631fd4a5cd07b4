"""The numbers behind a decision about memory, in the words of the owner."""

from collections.abc import Mapping, Sequence

from hostd.domain.units import format_bytes
from hostd.planning.choice import Choice
from hostd.scheduling.lane import Lane
from hostd.scheduling.ledger import Bytes, excess, plus
from hostd.scheduling.victims import Candidate


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
