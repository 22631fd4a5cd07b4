"""The numbers behind a decision about memory, in the words of the owner."""

from collections.abc import Mapping, Sequence

from hostd.domain.units import format_bytes
from hostd.scheduling.lane import Lane
from hostd.scheduling.ledger import Bytes
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


def too_little(short: Bytes, pinned: Sequence[str], others: Mapping[str, int]) -> str:
    """Return why there will be no room: what is *short*, which models are *pinned*, and what other programs hold."""
    lacks = " and ".join(f"{format_bytes(count)} of {pool}" for pool, count in sorted(short.items()))
    why = f"it lacks {lacks} even if every model that may go has gone"
    if pinned:
        why += f"; {', '.join(pinned)} {'are' if len(pinned) > 1 else 'is'} pinned"
    for pool, count in sorted(others.items()):
        if pool in short and count:
            why += f"; other programs hold {format_bytes(count)} of {pool}"
    return why
