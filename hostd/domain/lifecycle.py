"""The lifecycle of an instance, as a table.

Every rule about which state may follow which lives in `TABLE`; nothing else in hostd knows. The picture in the README of
`hostd/supervisor` is drawn from the same table (`scripts/generate`), so it cannot drift.
"""

from enum import StrEnum

from hostd.domain.errors import Bug


class State(StrEnum):
    """The state of an instance."""

    COLD = "cold"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    SLEEPING = "sleeping"
    FAILED = "failed"


class Transition(StrEnum):
    """What moves an instance on: an order of the scheduler (imperative) or a report on the engine (past tense)."""

    START = "start"
    LOADED = "loaded"
    DRAIN = "drain"
    STOP = "stop"
    STOPPED = "gone"
    FAILED = "broke"
    SLEEP = "sleep"
    WAKE = "wake"


TABLE: dict[State, dict[Transition, State]] = {
    State.COLD: {Transition.START: State.LOADING},
    State.LOADING: {
        Transition.LOADED: State.READY,
        Transition.STOP: State.STOPPING,
        Transition.FAILED: State.FAILED,
    },
    State.READY: {
        Transition.DRAIN: State.DRAINING,
        Transition.STOP: State.STOPPING,
        Transition.SLEEP: State.SLEEPING,
        Transition.FAILED: State.FAILED,
    },
    State.DRAINING: {Transition.STOP: State.STOPPING, Transition.FAILED: State.FAILED},
    State.STOPPING: {Transition.STOPPED: State.COLD},
    State.SLEEPING: {
        Transition.WAKE: State.LOADING,
        Transition.STOP: State.STOPPING,
        Transition.FAILED: State.FAILED,
    },
    State.FAILED: {Transition.START: State.LOADING, Transition.STOPPED: State.COLD},
}


def after(state: State, move: Transition) -> State:
    """Return the state that follows *state* when *move* happens.

    Raises:
        Bug: The table has no such edge; the caller has lost track of the instance.
    """
    try:
        return TABLE[state][move]
    except KeyError:
        raise Bug(f"an instance that is {state} cannot {move}") from None


def mermaid() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.COLD}"]
    for state, moves in TABLE.items():
        lines += [f"    {state} --> {target}: {move}" for move, target in moves.items()]
    return "\n".join(lines)
