"""One request on its way over the targets of its route, from its arrival to its record."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from hostd.backends.upstream import Lease, Upstream
from hostd.dialects.base import InferenceRequest
from hostd.domain.cascade import CascadeSettings
from hostd.domain.context_fit import FitSettings
from hostd.domain.errors import EngineError, HostdError, RequestError
from hostd.domain.private_data import ScanAction
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route
from hostd.gateway.context import InferenceServices, RequestContext
from hostd.gateway.forwarding.admission import Admission
from hostd.gateway.forwarding.attempt import Attempt
from hostd.gateway.forwarding.attempt_errors import RetryableFailure, TerminalFailure
from hostd.gateway.forwarding.cascade import CascadeRun
from hostd.gateway.forwarding.context_fit import ContextFit
from hostd.gateway.forwarding.downstream import ClientGoneError, Downstream
from hostd.gateway.forwarding.inner_request import InnerRequests
from hostd.gateway.forwarding.observation import downstream_for, exchange_of, may_be_shown, told_upstream
from hostd.gateway.forwarding.request_digest import digest_of
from hostd.gateway.forwarding.request_trace import request_record
from hostd.gateway.http import error_responses
from hostd.gateway.http.answers import WholeAnswer
from hostd.gateway.responses.keeping import ResponseKeeper
from hostd.gateway.screening import Screen
from hostd.privacy.masking import Mask
from hostd.runtime.dispatcher import RequestRefused
from hostd.scheduling.effects import Serve
from hostd.scheduling.events import RoutedPast
from hostd.supervisor.process.own_limits import want_now

log = structlog.get_logger()

_LEFT_WAITING = 1.0
"""Seconds without an answer from which a client that leaves may have been kept waiting by its own request."""


class ProxyRequest:
    """Answers one request: waits for its turn, tries its targets in order, and releases its slot."""

    def __init__(
        self,
        services: InferenceServices,
        ctx: RequestContext,
        inference: InferenceRequest,
        keeper: ResponseKeeper | None = None,
        on_behalf: Route | None = None,
    ) -> None:
        """Answer *inference*; *keeper* keeps the answer for its client, and *on_behalf* is the route of what it is made for."""
        self._keeper = keeper
        self._services = services
        self._ctx = ctx
        self._trace = ctx.trace
        self._trace.stream = inference.stream
        self._inference = inference
        self._clock = services.timeouts.loop.time
        self._arrived = self._clock()
        self._admission = Admission(services, ctx, self._arrived, on_behalf)
        self._ticket = self._admission.ticket(inference)
        self._down: Downstream | None = None
        self._holds_slot = True
        self._lease_held: Lease | None = None
        self._attempt_began: float | None = None
        self._screened = False
        self._mask: Mask | None = None
        self._cascade: CascadeRun | None = None

    async def _screen(self, screen: Screen) -> None:
        """Look for private data in a request that may leave this machine, and keep it here, mask it, or refuse it.

        Raises:
            RequestError: It may neither leave nor be answered here.
        """
        found = await screen.scan(self._inference.document)
        action = found.action
        if action is ScanAction.MASK:
            self._mask = await screen.mask_of(found, self._inference.document)
            action = ScanAction.STAY_LOCAL if self._mask is None else action
        if action is ScanAction.BLOCK:
            raise RequestError(
                f"the request holds private data ({found.summary}) and might leave this machine; take it out, or ask for a model "
                "that is served here",
                code="private_data",
                status=403,
            )
        if found.kinds:
            self._trace.screened = f"{action}; found={found.summary.replace(' ', '')}"
        if action is ScanAction.STAY_LOCAL:
            log.info("kept_local", request=self._trace.request_id, asked=self._inference.model, found=found.summary)
            self._inference = self._inference._replace(private=True)
            self._ticket = self._admission.ticket(self._inference, f"it holds private data ({found.summary})")
        self._screened = True

    async def answer(self) -> web.StreamResponse:
        """Return the response, which may be an error."""
        if self._inference.stream:
            services, server = self._services, self._services.server()
            make = downstream_for(services.sinks) if services.sinks.observers else Downstream
            self._down = make(
                self._ctx,
                services.timeouts,
                server.keep_alive_every,
                self._waiting_for,
                first=server.commit_after,
                form=server.keep_alive,
            )
        outcome, status, broke_off = "gone", 499, False
        response: web.StreamResponse | None = None
        try:
            response = await self._answer()
            if self._keeper is not None and isinstance(response, WholeAnswer):
                await self._keeper.keep(response.whole, private=self._ticket.route.private)
            outcome, status = "answered", response.status
        except RequestRefused as refused:
            outcome, status = "refused", refused.effect.error.status
            response = await self._refuse(refused)
        except TerminalFailure as ended:
            begun = self._down is not None and self._down.begun
            outcome, status, broke_off = "broken" if begun else "failed", ended.error.status, ended.broke_off
            response = await self._fail(ended.error)
        except RequestError as error:
            # Found out when the request was written for its engine.
            outcome, status = "failed", error.status
            response = await self._fail(error)
        except ClientGoneError:
            response = self._hang_up()
        finally:
            self._record(outcome, status, response)
            if self._holds_slot:
                self._services.dispatcher.client_left(self._ticket.id, self._left_unread(), broke_off=broke_off)
            if self._down is not None:
                await self._down.close()
                # The two refer to each other: apart, both are freed now instead of by a collection that holds up all requests.
                self._down = None
        return response

    def _record(self, outcome: str, status: int, response: web.StreamResponse | None) -> None:
        """Tell the sinks of the request, which is over; *response* is what the client was sent, None if it left before."""
        sinks, sent = self._services.sinks, 0 if response is None else response.status
        total = self._clock() - self._arrived
        if (loop := self._admission.loop) is not None:
            loop.ended(answered=outcome == "answered")
        record = request_record(self._trace, self._ctx.principal, self._ticket, outcome, status, total, sent=sent)
        sinks.finished(record)
        if sinks.observers:
            scans = self._services.screen.scans
            shown = may_be_shown(self._ticket, self._trace, scans=scans, scanned=self._screened)
            sinks.exchanged(record, exchange_of(self._ctx, self._inference, response, self._down, shown=shown))

    async def _answer(self) -> web.StreamResponse:
        route, screen = self._ticket.route, self._services.screen
        if screen.scans and route.leaves and not route.private:
            await self._screen(screen)
            route = self._ticket.route
        if self._keeper is not None and self._down is not None:
            self._down.keep = partial(self._keeper.keep_stream, private=route.private)
        if route.fit is None:
            return await (self._by_targets() if route.cascade is None else self._by_steps(route.cascade))
        return await self._made_to_fit(route.fit)

    async def _made_to_fit(self, fit: FitSettings) -> web.StreamResponse:
        """Return the answer to the request, made shorter where it is too long for every target."""
        sinks, inner = self._services.sinks, self._inner_requests()
        fitting = ContextFit(fit, self._services.catalog.profiles, self._trace, sinks, inner)
        while True:
            try:
                return await self._by_steps(self._ticket.route.cascade)
            except RequestRefused as refused:
                error, ticket = refused.effect.error, self._ticket
                fitted = await fitting.fitted(error, self._inference, ticket.route, ticket.id)
                if fitted is None:
                    raise
                self._inference = fitted
                self._ticket = self._admission.ticket(fitted)

    def _inner_requests(self) -> InnerRequests:
        def answering(ctx: RequestContext, asked: InferenceRequest) -> Coroutine[Any, Any, web.StreamResponse]:
            return ProxyRequest(self._services, ctx, asked, on_behalf=self._ticket.route).answer()

        return InnerRequests(self._ctx, answering)

    async def _by_steps(self, settings: CascadeSettings | None) -> web.StreamResponse:
        """Return the answer of the first target, or of a step of the role's cascade whose answer passes."""
        if settings is not None:
            sinks, inner = self._services.sinks, self._inner_requests()
            self._cascade = CascadeRun.of(settings, self._inference, self._trace, sinks, inner)
        if self._cascade is None:
            return await self._by_targets()
        try:
            return await self._by_targets()
        except (RequestRefused, TerminalFailure):
            if not self._cascade.has_held or (self._down is not None and self._down.begun):
                raise
            return await self._cascade.give_held(self._ticket.id, self._down)

    async def _by_targets(self) -> web.StreamResponse:
        """Return the answer of the first target that gives one."""
        dispatcher = self._services.dispatcher
        serve = dispatcher.try_admit(self._ticket)
        if self._ticket.route.meanwhile is not None:
            dispatcher.post(RoutedPast(self._ticket.route.meanwhile))
        serve = serve or await dispatcher.admit(self._ticket)
        while True:
            try:
                return await self._attempt(serve)
            except RetryableFailure as failure:
                digest, detail = self._unanswered() if failure.reached else None, failure.detail
                if failure.reason is FallbackReason.CONNECT:
                    # What keeps hostd from connecting to anything is no word about the engine.
                    detail = want_now() or detail
                serve = await dispatcher.next_target(failure.event(self._ticket.id, detail, digest))

    async def _attempt(self, serve: Serve) -> web.StreamResponse:
        upstream = self._services.upstreams[serve.model]
        trace = self._trace
        trace.model, trace.backend = serve.model, upstream.variant.backend
        trace.attempts, trace.waited, trace.loaded = serve.attempt, serve.waited, serve.loaded
        trace.set_route(serve.reason)
        trace.routed_by = self._ticket.route.why if serve.attempt == 1 else ""
        deadline = self._arrived + upstream.profile.limits.total_timeout
        if self._ticket.deadline is not None:
            deadline = min(deadline, self._ticket.deadline)
        lease = self._lease_held = self._lease(upstream)
        if self._inference.choices == 1:
            lease.slot, lease.conversation = serve.slot, self._ticket.conversation
        self._attempt_began = self._clock()
        route, cascade = self._ticket.route, self._cascade
        if cascade is not None and cascade.holds(route, serve.model):
            attempt = Attempt(self._services, cascade.request, trace, lease, None, deadline)
            held = await attempt.run()
            response = await cascade.checked(held, self._ticket.id, self._down, private=route.private)
        else:
            attempt = Attempt(self._services, self._inference, trace, lease, self._down, deadline)
            response = await attempt.run()
        self._holds_slot = False
        tokens = trace.prompt_tokens + trace.tokens
        self._services.dispatcher.finished(self._ticket.id, attempt.seconds, trace.cost, lease.sums, tokens)
        if (query := self._admission.by_content) is not None and not trace.guardrail:
            self._services.router.sessions.answered(query, serve.model, self._ticket.route.difficulty)
        return response

    def _unanswered(self) -> str | None:
        """Return the request's digest where an engine was given it and has sent nothing of an answer."""
        return digest_of(self._inference) if self._lease_held is not None and not self._trace.ttft else None

    def _left_unread(self) -> str | None:
        """Return the request's digest where its client or its time was gone while an engine was reading it, which may hang."""
        # Most clients that leave so do it at once, and what they asked is no cause for suspicion: that costs no digest.
        waited = 0.0 if self._attempt_began is None else self._clock() - self._attempt_began
        return self._unanswered() if waited >= _LEFT_WAITING else None

    def _lease(self, upstream: Upstream) -> Lease:
        self._lease_held = self._attempt_began = None
        try:
            lease = upstream.lease()
            lease.request_id = self._ticket.id
            loop = self._admission.loop
            lease.loop_headers = told_upstream(self._services, self._ctx, loop, self._ticket.id, upstream.variant)
            lease.thinking = self._ticket.route.thinking or lease.thinking
        except EngineError as error:
            raise RetryableFailure(FallbackReason.CRASHED, error.message, reached=False) from None
        if lease.stays_here:
            return lease
        # Routing has dropped such targets of private requests by their settings; this is what the server really does, and where it
        # listens. Files may have been read anew, too, since the request was routed.
        unscanned = self._services.screen.scans and not self._screened
        if self._ticket.route.private or unscanned:
            raise RetryableFailure(
                FallbackReason.PRIVACY,
                f"'{upstream.name}' is not served on this machine, and the request is "
                + ("not scanned" if unscanned else "private"),
            )
        lease.mask = self._mask
        return lease

    def _waiting_for(self) -> str:
        """Return what a client that waits is told."""
        waiting = self._services.dispatcher.position(self._ticket.id)
        if waiting is None:
            prompt = None if self._lease_held is None else self._lease_held.prompt
            return f"{self._trace.model} is reading the request" + ("" if prompt is None else f": {prompt}")
        return str(waiting)

    async def _refuse(self, refused: RequestRefused) -> web.StreamResponse:
        effect, trace = refused.effect, self._trace
        trace.attempts, trace.waited = effect.attempts, effect.waited
        if effect.attempts == 0:
            trace.model, trace.backend = effect.model, self._services.upstreams[effect.model].variant.backend
        trace.set_route(effect.reason)
        return await self._fail(effect.error)

    def _hang_up(self) -> web.StreamResponse:
        """Close the connection of a client that has closed its end, or that no longer reads."""
        if self._down is None or self._down.response is None:
            return web.Response(status=499)
        if self._ctx.request.transport is not None:
            self._ctx.request.transport.abort()
        return self._down.response

    async def _fail(self, error: HostdError) -> web.StreamResponse:
        if self._down is not None:
            return await self._down.fail(error)
        return error_responses.response(error, self._ctx.dialect, self._trace)
