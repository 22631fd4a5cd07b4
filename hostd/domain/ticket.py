"""A request on its way through the house: what it needs and where it may go."""

from dataclasses import dataclass

from hostd.domain.reason import FallbackReason


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a request cannot do without; targets that lack it are left out of its route."""

    embeddings: bool = False
    tools: bool = False
    vision: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One stop of a route: a profile, and the reasons for which a ticket may move there.

    *via* is the profile whose fallback it is; None for what was asked for itself.
    """

    model: str
    on: frozenset[FallbackReason] = frozenset(FallbackReason)
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The ordered targets that a ticket may use, first choice first.

    *reason* is set when the profile that was asked for is left out of its own route.
    """

    asked: str
    targets: tuple[Target, ...]
    reason: FallbackReason | None = None

    def open_to(self, stop: int, reason: FallbackReason, present: int) -> bool:
        """Return whether a ticket at the stop *present* may go to the later *stop* for *reason*.

        The fallback of a fallback is open only if every step on the way to it is: whoever lists a profile for crashes alone
        has not agreed to send crowds to that profile's own fallbacks.
        """
        passed = {target.model for target in self.targets[: present + 1]}
        ahead = {target.model: target for target in self.targets}
        target: Target | None = self.targets[stop]
        while target is not None and reason in target.on:
            if target.via is None or target.via in passed:
                return True
            target = ahead.get(target.via)
        return target is None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One admitted request.

    *timeout* bounds its whole life in seconds, waiting included. *keep_alive* is a hint: for how many seconds its client would
    like the model to stay loaded afterwards.
    """

    id: str
    route: Route
    timeout: float | None = None
    keep_alive: float | None = None
