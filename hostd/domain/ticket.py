"""A request on its way through the house: what it needs and where it may go."""

from dataclasses import dataclass

from hostd.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Need:
    """What a request cannot do without; targets that lack it are left out of its route."""

    embeddings: bool = False
    tools: bool = False
    vision: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One stop of a route: a profile, and the reasons for which a ticket may move there."""

    model: str
    on: frozenset[Reason] = frozenset(Reason)


@dataclass(frozen=True, slots=True)
class Route:
    """The ordered targets that a ticket may use, first choice first.

    *reason* is set when the profile that was asked for is left out of its own route.
    """

    asked: str
    targets: tuple[Target, ...]
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One admitted request. *timeout* bounds its whole life in seconds, waiting included."""

    id: str
    route: Route
    stream: bool = False
    timeout: float | None = None
