"""A scheduler for tests: plain numbers for time, short lines for effects."""

from typing import Any

from hostd.domain.errors import Bug
from hostd.domain.profile import Capabilities, FallbackRule, Limits, Profile, Role, Variant, WarmSettings
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.domain.ticket import Ticket
from hostd.routing.policy import RouteQuery
from hostd.scheduling.decisions import Decision
from hostd.scheduling.effects import (
    Effect,
    Explain,
    Prove,
    Refuse,
    Remove,
    RunPreflight,
    Serve,
    Sleep,
    Start,
    Stop,
    Wake,
)
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
    EngineFailed,
    EngineReady,
    Event,
    Finished,
    LoadRequested,
    Ticked,
)
from hostd.scheduling.scheduler import Scheduler
from tests.routing.routing_stage import router

_LIMITS = frozenset(Limits.__slots__)
_WARMTH = frozenset(WarmSettings.__slots__)


def profile(name: str, *fallback: str | FallbackRule, **more: Any) -> Profile:
    """Return a profile that is not preloaded; *more* may be any field of it, of its limits or of its warmth."""
    limits = {key: more.pop(key) for key in _LIMITS & more.keys()}
    warmth = {key: more.pop(key) for key in _WARMTH & more.keys()}
    steps = tuple(FallbackRule(step) if isinstance(step, str) else step for step in fallback)
    return Profile(
        name,
        (Variant("llamacpp", path=f"{name}.gguf"),),
        fallback=steps,
        limits=Limits(**limits),
        warm=WarmSettings(**{"preload": False} | warmth),
        **more,
    )


def able(**capabilities: Any) -> dict[str, Capabilities]:
    """Return the argument that gives a profile these capabilities."""
    return {"capabilities": Capabilities(**capabilities)}


def only(to: str, *on: FallbackReason) -> FallbackRule:
    """Return a fallback that takes tickets for these reasons alone."""
    return FallbackRule(to, frozenset(on))


def line(effect: Effect) -> str:
    """Return *effect* in a few words."""
    match effect:
        case Serve(ticket_id, model, _, reason):
            return f"serve {ticket_id} by {model}" + (f" for {reason}" if reason else "")
        case Refuse(ticket_id, error):
            return f"refuse {ticket_id}: {error.code}"
        case RunPreflight(model):
            return f"check {model}"
        case Start(model):
            return f"start {model}"
        case Stop(model):
            return f"stop {model}"
        case Sleep(model):
            return f"sleep {model}"
        case Wake(model):
            return f"wake {model}"
        case Prove(model):
            return f"prove {model}"
        case Remove(model):
            return f"remove {model}"
        case Explain(decision):
            return f"# {decision.event} {decision.model}"


class Rehearsal:
    """A scheduler, the time, and everything that it decided."""

    def __init__(self, *profiles: Profile, roles: tuple[Role, ...] = ()) -> None:
        named = {one.name: one for one in profiles}
        self.scheduler = Scheduler(named)
        self.directory = router(*profiles, roles=roles)
        self.now = 0.0
        self.effects: list[Effect] = []

    def tell(self, event: Event, now: float | None = None) -> list[str]:
        """Let *event* happen and return what the scheduler asks for, without its explanations."""
        self.now = self.now if now is None else now
        self.effects = self.scheduler.handle(event, self.now)
        return [line(effect) for effect in self.effects if not isinstance(effect, Explain)]

    def arrive(
        self, ticket_id: str, asked: str = "a", now: float | None = None, digest: str | None = None, **wishes: Any
    ) -> list[str]:
        """Let a request for *asked* come in; *wishes* are its timeout (seconds from now), and any field of its ticket."""
        self.now = self.now if now is None else now
        if "timeout" in wishes:
            wishes["deadline"] = self.now + wishes.pop("timeout")
        route = self.directory.route(RouteQuery(asked))
        ticket = Ticket(ticket_id, route, digest=digest, **wishes)
        return self.tell(Arrived(ticket))

    def warm(self, *models: str, slots: int = 8) -> None:
        """Have *models* loaded."""
        for model in models:
            self.tell(LoadRequested(model, "asked"))
            self.ready(model, slots=slots)

    def ready(self, model: str = "a", now: float | None = None, *, slots: int = 8) -> list[str]:
        """Let an engine become ready."""
        return self.tell(EngineReady(model, slots, 1.0), now)

    def broke(
        self,
        model: str = "a",
        now: float | None = None,
        *,
        exit_class: ExitClass = ExitClass.UNKNOWN,
        self_inflicted: bool = False,
    ) -> list[str]:
        """Let an engine fail to load or die."""
        return self.tell(EngineFailed(model, exit_class, "it said so", self_inflicted), now)

    def fail(
        self, ticket_id: str, reason: FallbackReason, now: float | None = None, digest: str | None = None
    ) -> list[str]:
        """Let the target of a ticket fail it before the first content byte."""
        return self.tell(AttemptFailed(ticket_id, reason, "it said so", digest=digest), now)

    def finish(self, ticket_id: str, now: float | None = None, *, seconds: float = 1.0) -> list[str]:
        """Let a ticket be answered."""
        return self.tell(Finished(ticket_id, seconds), now)

    def pass_time(self, to: float) -> list[str]:
        """Let time pass, ringing each deadline exactly when it is due, and return all that the scheduler asks for on the way."""
        asked: list[str] = []
        while (at := self.scheduler.next_deadline()) is not None and at <= to:
            asked += self.tell(Ticked(), max(at, self.now))
        self.now = to
        return asked

    def explained(self) -> list[Decision]:
        """Return the decisions of the latest turn."""
        return [effect.decision for effect in self.effects if isinstance(effect, Explain)]

    def position(self, ticket_id: str) -> tuple[str, int] | None:
        """Return the model that a request waits for, and its place in that queue."""
        found = self.scheduler.position(ticket_id)
        return None if found is None else (found.model, found.position)

    def last(self, kind: type[Serve] | type[Refuse]) -> Any:
        """Return the last effect of *kind* in the latest turn."""
        for effect in reversed(self.effects):
            if isinstance(effect, kind):
                return effect
        raise Bug(f"no {kind.__name__} among {self.effects}")

    def status(self, model: str = "a") -> str:
        """Return a model's status line."""
        return repr(self.scheduler.models[model])
