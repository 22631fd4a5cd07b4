"""Carries a request to the engine that the desk names, and the answer back.

Until the first content byte has gone to the client, a failure takes the ticket on to its next target and the client sees
nothing of it. From then on the answer belongs to one engine: should that fail, the stream ends with an error event and without
its proper end, so that nobody takes half an answer for a whole one.
"""

import asyncio
import io
import json
from collections.abc import Mapping

import aiohttp
import structlog
from aiohttp import web

from hostd.dialects.openai import aggregate, stream
from hostd.dialects.openai.stream import ModelNameRewriter
from hostd.domain.errors import CapacityError, EngineError, HostdError, RequestError
from hostd.domain.locality import is_loopback
from hostd.domain.principal import ANONYMOUS, Principal
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.gateway import problems
from hostd.gateway.attempt_errors import RetryableFailure, TerminalFailure, aborted_by_engine, rejected_by_engine
from hostd.gateway.context import AppContext
from hostd.gateway.downstream import ClientGoneError, Downstream
from hostd.gateway.request import ParsedRequest
from hostd.gateway.request_trace import RequestTrace, request_record
from hostd.gateway.timeouts import AttemptTimeout
from hostd.routing.policy import RouteQuery
from hostd.runtime.dispatcher import RequestRefused
from hostd.scheduling.effects import Serve
from hostd.scheduling.events import Finished
from hostd.supervisor.instance import Instance
from hostd.supervisor.lease import Lease

log = structlog.get_logger()

_NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
_CRASH_NOTICE = 0.5
"""Seconds within which a broken connection is taken for the first sign of a crash."""


_AT_ONCE = 1024 * 1024


class ProxyRequest:
    """Answers one request."""

    def __init__(
        self, app: AppContext, request: web.BaseRequest, path: str, parsed: ParsedRequest, trace: RequestTrace
    ) -> None:
        self._app = app
        self._request = request
        self._path = path
        self._parsed = parsed
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._arrived = self._loop.time()
        principal = ANONYMOUS if parsed.client is None else Principal(parsed.client)
        query = RouteQuery(parsed.asked, parsed.requirements, principal, parsed.privacy)
        route = app.router.route(query, self._arrived)
        # A client may give two requests the same id; the desk must not take them for one.
        again = f"/{id(self):x}" if "X-Request-Id" in request.headers else ""
        self._ticket = Ticket(
            trace.request_id + again,
            route,
            client=principal.client,
            deadline=None if parsed.timeout is None else self._arrived + parsed.timeout,
            keep_alive=parsed.keep_alive,
        )
        self._down: Downstream | None = None
        self._spoken = False
        self._sending = False
        self._held = True

    async def answer(self) -> web.StreamResponse:
        """Return the answer, whoever gives it in the end; it may be an error."""
        if self._parsed.stream:
            self._down = Downstream(self._request, self._trace, self._app.keep_alive_every, self._news)
        outcome, status = "gone", 499
        try:
            response = await self._answer()
            outcome, status = "answered", response.status
        except RequestRefused as refused:
            outcome, status = "refused", refused.effect.error.status
            response = await self._refuse(refused)
        except TerminalFailure as ended:
            outcome, status = "broken" if self._spoken else "failed", ended.error.status
            response = await self._fail(ended.error)
        except ClientGoneError:
            response = self._hang_up()
        finally:
            self._record(outcome, status)
            if self._held:
                self._app.dispatcher.client_left(self._ticket.id)
            if self._down is not None:
                await self._down.close()
                # It asks us for news: apart, both are freed now instead of in a sweep that holds everybody up.
                self._down = None
        self._app.metrics.answered(self._trace.model, self._trace.backend, self._trace.route, response.status)
        return response

    def _record(self, outcome: str, status: int) -> None:
        """Put the request on record."""
        app, total = self._app, self._loop.time() - self._arrived
        asked = app.router.resolve(self._parsed.asked)
        app.records.add(request_record(self._trace, self._parsed, asked, outcome, status, total))

    async def _answer(self) -> web.StreamResponse:
        dispatcher = self._app.dispatcher
        serve = await dispatcher.admit(self._ticket)
        while True:
            try:
                return await self._attempt(serve)
            except RetryableFailure as setback:
                serve = await dispatcher.next_target(self._ticket.id, setback.reason, setback.detail, setback.status)

    def _news(self) -> str:
        waiting = self._app.dispatcher.scheduler.position(self._ticket.id)
        if waiting is None:
            return f"{self._trace.model} is reading the request"
        model, position = waiting
        return (
            f"waiting for {model} ({self._app.dispatcher.scheduler.models[model].reported_state}), position {position}"
        )

    async def _refuse(self, refused: RequestRefused) -> web.StreamResponse:
        effect = refused.effect
        self._trace.attempts, self._trace.waited = effect.attempts, effect.waited
        if effect.attempts == 0:
            self._trace.model, self._trace.backend = effect.model, self._app.instances[effect.model].variant.backend
        self._trace.set_route(effect.reason)
        return await self._fail(effect.error)

    def _hang_up(self) -> web.StreamResponse:
        """Let go of a client that has gone, or that no longer reads."""
        if self._down is None or self._down.response is None:
            return web.Response(status=499)
        if self._request.transport is not None:
            self._request.transport.abort()
        return self._down.response

    async def _fail(self, error: HostdError) -> web.StreamResponse:
        if self._down is not None:
            return await self._down.fail(error)
        return problems.response(error, self._trace)

    async def _attempt(self, serve: Serve) -> web.StreamResponse:
        """Try one target.

        Raises:
            Setback: It failed before the first content byte.
            EndedError: It failed later, or the request itself is at fault, or its whole time is up.
        """
        instance = self._app.instances[serve.model]
        trace = self._trace
        trace.model, trace.backend = serve.model, instance.variant.backend
        trace.attempts, trace.waited, trace.loaded = serve.attempt, serve.waited, serve.loaded
        trace.set_route(serve.reason)
        limits = instance.profile.limits
        expires = self._arrived + limits.total_timeout
        if self._ticket.deadline is not None:
            expires = min(expires, self._ticket.deadline)
        began = self._loop.time()
        with self._lease(instance) as lease:
            pieces = self._path in aggregate.PATHS and lease.prefers_stream(self._parsed.document)
            attempt_timeout = AttemptTimeout(
                self._app.timeouts,
                limits,
                expires - began,
                None if pieces or self._parsed.stream else lease.generating,
            )
            try:
                with attempt_timeout:
                    async with await self._ask(lease, pieces=pieces) as upstream:
                        response = await self._pass_on(upstream, lease, attempt_timeout, began)
            except aiohttp.ClientError as error:
                # Before TimeoutError: a connection that cannot be made in time is both.
                raise await self._lost(lease, error) from None
            except TimeoutError:
                raise self._overdue(lease, attempt_timeout, self._loop.time() - began) from None
            except OSError as error:
                raise await self._lost(lease, error) from None
        self._held = False
        self._app.dispatcher.post(Finished(self._ticket.id, self._loop.time() - began))
        return response

    def _lease(self, instance: Instance) -> Lease:
        try:
            lease = instance.lease()
        except EngineError as error:
            raise RetryableFailure(FallbackReason.CRASHED, error.message) from None
        if self._ticket.route.private and not is_loopback(lease.endpoint.url):
            # Routing has dropped such targets by their settings; this is where the engine really listens.
            raise RetryableFailure(
                FallbackReason.UNFIT,
                f"'{instance.profile.name}' is not served on this machine, and the request is private",
            )
        return lease

    async def _ask(self, lease: Lease, *, pieces: bool) -> aiohttp.ClientResponse:
        """Send the request to the engine; once more where a kept-alive connection was closed just as it was used again.

        With *pieces*, a stream is asked for although the client did not.
        """
        url = lease.endpoint.url + self._path
        headers = {"Content-Type": "application/json", **lease.endpoint.headers}
        try:
            body = await lease.translate(self._parsed.document)
        except RequestError as error:
            raise rejected_by_engine(error) from None
        if pieces:
            body = aggregate.request(body or self._parsed.document)
        if pieces or self._parsed.stream:
            # Some engines close it in any case, after a moment in which the next request might already use it.
            headers["Connection"] = "close"
        data = self._parsed.body if body is None else json.dumps(body).encode()
        try:
            return await _post(lease, url, data, headers)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if await lease.died_within(_CRASH_NOTICE):
                raise
            return await _post(lease, url, data, headers)

    async def _pass_on(
        self, upstream: aiohttp.ClientResponse, lease: Lease, attempt_timeout: AttemptTimeout, began: float
    ) -> web.StreamResponse:
        if upstream.status != 200:
            raise rejected_by_engine(problems.of_engine(upstream.status, await upstream.read()))
        if self._down is None:
            if upstream.content_type == "text/event-stream":
                return await self._gather(upstream, lease, attempt_timeout, began)
            payload = await upstream.read()
            if not payload.rstrip().endswith(b"}"):
                raise RetryableFailure(
                    FallbackReason.STATUS_5XX, "the engine sent an answer that is no JSON object", 502
                )
            if stream.is_abandoned(payload):
                raise RetryableFailure(FallbackReason.STATUS_5XX, "the engine gave the answer up before its end", 502)
            lease.progress()
            self._served(began, stream.prompt_tokens_of(payload), stream.tokens_of(payload))
            payload = ModelNameRewriter(self._trace.model).apply(payload)
            return web.Response(body=payload, headers=self._trace.headers(), content_type=upstream.content_type)
        if upstream.content_type != "text/event-stream":
            raise RetryableFailure(
                FallbackReason.STATUS_5XX, f"the engine was asked for a stream and sent {upstream.content_type}", 502
            )
        return await self._stream(self._down, upstream, lease, attempt_timeout, began)

    async def _gather(
        self, upstream: aiohttp.ClientResponse, lease: Lease, attempt_timeout: AttemptTimeout, began: float
    ) -> web.StreamResponse:
        """Return the answer in one piece that a stream makes up; until it is whole, nothing is spoken."""
        assembly, first = aggregate.StreamAggregator(), 0.0
        async for data in upstream.content.iter_any():
            known = assembly.chunks
            assembly.feed(data)
            if assembly.begun and assembly.chunks > known:
                first = first or self._loop.time() - began
                attempt_timeout.progress()
                lease.progress()
            if assembly.done or assembly.trouble:
                break
        if assembly.error is not None:
            raise aborted_by_engine(assembly.error)
        if not assembly.done:
            raise RetryableFailure(
                FallbackReason.STATUS_5XX, assembly.trouble or "the engine ended its answer in the middle", 502
            )
        self._trace.ttft = first
        self._served(began, *assembly.tokens)
        payload = json.dumps({**assembly.document(), "model": self._trace.model}).encode()
        return web.Response(body=payload, headers=self._trace.headers(), content_type="application/json")

    async def _stream(
        self,
        down: Downstream,
        upstream: aiohttp.ClientResponse,
        lease: Lease,
        attempt_timeout: AttemptTimeout,
        began: float,
    ) -> web.StreamResponse:
        splitter, renaming = stream.SseFramer(), ModelNameRewriter(self._trace.model)
        held = b""
        async for chunk in upstream.content.iter_any():
            events = renaming.apply(splitter.feed(chunk))
            if self._spoken:
                await self._send(down, events)
            else:
                held += events
                if splitter.error:
                    raise RetryableFailure(FallbackReason.STATUS_5XX, splitter.error, 502)
                if not stream.has_content(held):
                    continue
                self._spoken = True
                self._trace.ttft = self._loop.time() - began
                await down.begin(held)
            if b"data:" in events:  # an engine that is stuck may well go on sending comments
                attempt_timeout.progress()
                lease.progress()
            if splitter.done or splitter.error:
                break
        if not self._spoken:
            raise RetryableFailure(FallbackReason.STATUS_5XX, "the engine ended its answer before it had begun", 502)
        self._served(began, splitter.prompt_tokens, splitter.tokens)
        if splitter.error:
            raise self._broken(splitter.error)
        if not splitter.done:
            if not splitter.finished:
                raise self._broken("the engine ended its answer in the middle")
            await down.send(stream.DONE)
        return await down.finish()

    async def _send(self, down: Downstream, events: bytes) -> None:
        self._sending = True
        await down.send(events)
        self._sending = False

    def _served(self, began: float, prompt_tokens: int, tokens: int) -> None:
        trace = self._trace
        trace.prompt_tokens, trace.tokens = prompt_tokens, tokens
        trace.ttft = trace.ttft or self._loop.time() - began
        self._app.metrics.served(trace.model, trace.waited, trace.ttft, tokens)

    def _overdue(self, lease: Lease, attempt_timeout: AttemptTimeout, seconds: float) -> Exception:
        """Return what a limit that ran out means."""
        if attempt_timeout.reason is None:
            error = CapacityError(
                f"'{self._trace.model}' was not done within the whole time of the request; "
                "give it more with x-hostd-timeout or total_timeout, or ask for fewer tokens",
                code="timeout",
                status=504,
                retry_after=1.0,
            )
            return self._broken(error.message) if self._spoken else TerminalFailure(error)
        if self._sending:
            # It is the client that no longer reads; the engine has done its part.
            return ClientGoneError()
        lease.suspect()
        if self._spoken:
            return self._broken(
                f"the engine has sent nothing for {lease.limits.stall_timeout:g} s ({attempt_timeout.reason})"
            )
        return RetryableFailure(
            attempt_timeout.reason, f"no first token within {seconds:.1f} s ({attempt_timeout.reason})"
        )

    async def _lost(self, lease: Lease, error: Exception) -> RetryableFailure | TerminalFailure:
        """Return what a lost connection means: a crash, or an engine that lives but broke it off."""
        crashed = await lease.died_within(_CRASH_NOTICE)
        what = "the engine crashed" if crashed else "the connection to the engine broke off"
        if isinstance(error, aiohttp.ClientConnectorError) and not crashed:
            what = f"the engine at {lease.endpoint.url} cannot be reached"
        if not crashed:
            lease.suspect()
        if self._spoken:
            return self._broken(what)
        return RetryableFailure(FallbackReason.CRASHED if crashed else FallbackReason.CONNECT, what)

    def _broken(self, what: str) -> TerminalFailure:
        """Return the end of an answer that had begun, and write it down."""
        log.error("stream_broken", model=self._trace.model, request=self._ticket.id, why=what)
        self._app.metrics.broken(self._trace.model)
        return TerminalFailure(EngineError(f"the answer of '{self._trace.model}' is not complete: {what}"))


def _payload(data: bytes) -> bytes | io.BytesIO:
    """Return *data* so that aiohttp writes a large body bit by bit, others having their turn in between."""
    return data if len(data) <= _AT_ONCE else io.BytesIO(data)


async def _post(lease: Lease, url: str, data: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
    if lease.http.closed:
        raise aiohttp.ClientConnectionError("the engine is being stopped")
    answer = await lease.http.post(url, data=_payload(data), headers=headers, timeout=_NO_LIMIT)
    lease.hears(answer)
    return answer
