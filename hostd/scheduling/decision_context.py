"""What the parts of the scheduler share while they take in one event: the time, the effects so far, and the deadlines."""

from hostd.scheduling.decisions import Decision
from hostd.scheduling.effects import Effect, Explain
from hostd.scheduling.timer_heap import Deadlines


class DecisionContext:
    """*now* is the time of the event that is taken in (seconds), *effects* is what it has led to so far, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.effects: list[Effect] = []
        self.deadlines = Deadlines()

    def begin(self, now: float) -> None:
        """Start to take in an event at *now*, with nothing decided."""
        self.now = now
        self.effects = []

    def explain(self, decision: Decision) -> None:
        """Have *decision* written down."""
        self.effects.append(Explain(decision))
