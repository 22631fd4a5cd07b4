"""A request on its way along its route."""

from dataclasses import dataclass

from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Target, Ticket


@dataclass(slots=True, eq=False)
class RequestState:
    """A ticket on its route.

    *since* is when it joined the queue of its present target, *queued* the seconds that it has spent in queues and *loaded* those
    of them in which a model was loading, *expires* when its whole time is up. *generation* tells which of a model's engines it was
    last sent to.

    *waiting_for_load* marks a request whose queue time ran out while its model was still loading and no other target was
    open: it waits for the load, and its queue time starts when the model is ready.

    *suspect* marks one that may be the cause of a crash; such requests are served one at a time.

    *faults* are the prices of the models that it has failed on for its own fault (`TargetChoice`).

    *ages_at* is when it has waited for so long in the present queue that its class and its client no longer hold it back, and
    *late_at* is when its queue timeout there is over.
    """

    ticket: Ticket
    arrived: float
    expires: float
    target_index: int = 0
    attempt: int = 0
    reason: FallbackReason | None = None
    since: float = 0.0
    ages_at: float = float("inf")
    late_at: float = float("inf")
    queued: float = 0.0
    loaded: float = 0.0
    generation: int = 0
    waiting_for_load: bool = False
    retried: bool = False
    suspect: bool = False
    faults: tuple[float, ...] = ()

    @property
    def target(self) -> Target:
        """The target of the route that the request is at now."""
        return self.ticket.route.targets[self.target_index]
