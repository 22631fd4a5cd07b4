"""One turn of the desk: the time it is, the effects decided so far, and the alarms set."""

from hostd.scheduling.deadlines import Deadlines
from hostd.scheduling.effects import Effect, Explain
from hostd.scheduling.model_state import ModelState


class DecisionContext:
    """What the parts of the desk share while they take in one event."""

    def __init__(self) -> None:
        self.now = 0.0
        self.effects: list[Effect] = []
        self.deadlines = Deadlines()

    def begin(self, now: float) -> None:
        """Start a new turn at *now*, with nothing decided."""
        self.now = now
        self.effects = []

    def explain(self, decision: str, model: ModelState, ticket_id: str | None, **numbers: object) -> None:
        """Write down *decision* about *model* with the numbers that led to it."""
        self.effects.append(Explain(decision, model.profile.name, ticket_id, numbers))
