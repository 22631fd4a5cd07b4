"""What becomes of a request that goes round in a circle: its role's safety model answers it, or it is refused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hostd.domain.errors import RequestError
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route
from hostd.gateway.context import InferenceServices
from hostd.gateway.forwarding.loop_signs import leads_on
from hostd.routing.loop_guard import Circle, LoopSigns
from hostd.scheduling.gateway_decisions import LoopDetected


class LoopCheck:
    """One request that shows *signs*. After `route`, `ended` follows in any case."""

    def __init__(self, services: InferenceServices, signs: LoopSigns) -> None:
        self.signs = signs
        self._services = services
        self._clock = asyncio.get_running_loop().time
        self._begun = False
        self._circle: Circle | None = None

    @property
    def why(self) -> str:
        """Why the request goes round in a circle; empty where it does not."""
        return "" if self._circle is None else self._circle.why

    def route(self, route: Route, ticket_id: str, route_to: Callable[[str], Route]) -> Route:
        """Return *route*, or that to its role's safety model where the request goes round in a circle; *route_to* makes it.

        Raises:
            RequestError: It goes round, and there is no model that ends it.
        """
        first, self._begun = not self._begun, True
        if first:
            self._circle = self._services.loops.began(self.signs, self._services.catalog.guardrails, self._clock())
        if self._circle is None:
            return route
        safe = self._safe(route, self._circle, route_to)
        if first:
            to = None if safe is None else safe.targets[0].model
            self._services.sinks.decided(LoopDetected(route.profile, ticket_id, to, self._circle.why))
        if safe is not None:
            return replace(safe, reason=FallbackReason.LOOP, role=route.role, budget=route.budget, safety=route.safety)
        if first:
            self.ended(answered=False)
        raise RequestError(
            f"the request goes round in a circle: {self._circle.why}; stop the program that repeats it, or raise that limit in "
            "hostd.yaml",
            code="loop_detected",
        )

    def ended(self, *, answered: bool) -> None:
        """Note that the request is over, and whether it was *answered*."""
        self._services.loops.ended(self.signs, self._clock(), answered=answered)

    def _safe(self, route: Route, circle: Circle, route_to: Callable[[str], Route]) -> Route | None:
        """Return the route to the safety model of *route*'s role; None where there is none that ends *circle*."""
        if route.safety is None:
            return None
        try:
            safe = route_to(route.safety)
        except RequestError:
            return None
        if circle.through_gateways:
            own = [each for each in safe.targets if not leads_on(self._services.upstreams[each.model].variant)]
            safe = replace(safe, targets=tuple(own))
        return safe if safe.targets else None
