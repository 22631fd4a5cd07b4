"""How a request is admitted: its route, its place in the queue, and what it may use up, as a ticket for the scheduler."""

import itertools
from dataclasses import replace

from hostd.dialects.base import InferenceRequest
from hostd.dialects.conversation import conversation_of
from hostd.dialects.session import session_name
from hostd.domain.conversation import UNKNOWN
from hostd.domain.principal import Privacy
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route, Ticket
from hostd.gateway.context import InferenceServices, RequestContext
from hostd.gateway.forwarding.loop_check import LoopCheck
from hostd.gateway.forwarding.loop_signs import signs_of
from hostd.gateway.forwarding.prompt_length import holds_bytes, tokens_for_sure
from hostd.gateway.forwarding.request_digest import digest_of
from hostd.gateway.forwarding.request_features import by_content
from hostd.gateway.forwarding.request_trace import REQUEST_ID
from hostd.gateway.forwarding.request_use import accounts_of, bounds_of
from hostd.gateway.http.auth import options_of
from hostd.routing.policy import RouteQuery

_twins = itertools.count(1)


class Admission:
    """Makes the tickets of one request that *arrived* then, on the loop's clock: another one where it was changed.

    What it uses up is charged to the role of *on_behalf*, too: the route of the request that it is made for, if any. *loop* watches
    whether it goes round in a circle, *by_content* is what it was routed by; None where neither is.
    """

    __slots__ = ("_arrived", "_ctx", "_inference", "_on_behalf", "_services", "by_content", "loop")

    def __init__(
        self, services: InferenceServices, ctx: RequestContext, arrived: float, on_behalf: Route | None = None
    ) -> None:
        self._services = services
        self._ctx = ctx
        self._arrived = arrived
        self._on_behalf = on_behalf
        self._inference: InferenceRequest
        self.by_content: RouteQuery | None = None
        self.loop: LoopCheck | None = None

    def ticket(self, inference: InferenceRequest, kept_here: str = "") -> Ticket:
        """Return the ticket of *inference*; *kept_here* says why a scan keeps it on this machine.

        Raises:
            UnknownModel: Nothing has the name that it asks for.
            RequestError: Nothing may or can answer it, or it goes round in a circle.
        """
        self._inference = inference
        services, ctx = self._services, self._ctx
        principal, headers, trace = ctx.principal, ctx.request.headers, ctx.trace
        options, session = options_of(headers), session_name(headers, inference.document)
        # A client may give two requests the same id; the scheduler must not take them for one.
        name = trace.request_id + (f"/{next(_twins):x}" if REQUEST_ID in headers else "")
        privacy = Privacy.LOCAL if inference.private else options.privacy
        route = self._route(inference.model, privacy, kept_here)
        if (behind := self._on_behalf) is not None:
            route = replace(route, role=behind.role, budget=behind.budget)
        if self.loop is None and (signs := signs_of(headers, inference, session)) is not None:
            self.loop = LoopCheck(services, signs)
        if self.loop is not None:
            route = self.loop.route(route, name, lambda asked: self._route(asked, privacy, kept_here))
            trace.guardrail = self.loop.why
        budgets = services.catalog.budgets
        accounts = accounts_of(principal, route, session, budgets)
        # What nothing limits is not counted.
        prompt, answer = bounds_of(inference) if accounts or budgets.providers else (0, 0)
        return Ticket(
            name,
            route,
            principal.client,
            max(options.priority, principal.priority, route.priority),
            session,
            None if options.timeout is None else self._arrived + options.timeout,
            inference.keep_alive,
            digest_of(inference) if services.dispatcher.refuses_by_digest else None,
            prompt,
            answer,
            conversation_of(principal, session, inference.document) if route.keeps else UNKNOWN,
            accounts,
        )

    def _route(self, asked: str, privacy: Privacy, kept_here: str) -> Route:
        """Return the targets that may answer; a prompt that is too long for sure passes over the first ones."""
        inference, router, principal = self._inference, self._services.router, self._ctx.principal
        needs, tokens = inference.requirements, tokens_for_sure(inference)
        known = router.known(asked, needs, principal, privacy, tokens)
        if known is not None and (not tokens or known.reason is not FallbackReason.CONTEXT_TOO_LONG):
            return known
        query = RouteQuery(asked, needs, principal, privacy, kept_here=kept_here)
        if (role := router.role_by_content(asked)) is not None:
            query = by_content(query, inference, self._ctx.request.headers, role, self._services)
            self.by_content = query
        if not tokens:
            return router.route(query, self._arrived)
        route = router.route(query._replace(tokens=tokens), self._arrived)
        if route.reason is FallbackReason.CONTEXT_TOO_LONG and holds_bytes(inference):
            return router.route(query, self._arrived)
        return route
