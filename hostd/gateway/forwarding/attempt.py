"""One attempt: a request is sent to one upstream, and the answer to the client.

Until the first content byte has been sent to the client, a failure is a `RetryableFailure`, and another target may answer. From
then on the answer belongs to this upstream: should it fail, the stream ends with an error event and without its proper end, so that
no client takes half an answer for a whole one.
"""

import time
from functools import partial

import structlog
from aiohttp import web

from hostd.backends.http.errors import AnswerError, ConnectError, ExchangeError
from hostd.backends.http.response import LARGEST_ERROR, Response
from hostd.backends.upstream import Lease
from hostd.dialects import registry
from hostd.dialects.base import Answer, AnswerContext, Dialect, InferenceRequest, StreamTranslator, Translation
from hostd.domain.errors import EngineError, HostdError
from hostd.domain.progress import PromptProgress
from hostd.domain.reason import FallbackReason
from hostd.gateway.context import InferenceServices
from hostd.gateway.forwarding.attempt_errors import (
    RetryableFailure,
    TerminalFailure,
    ToolCallFailure,
    no_answer,
    out_of_time,
    rejected_by_engine,
    without_words,
)
from hostd.gateway.forwarding.attempt_request import CRASH_NOTICE, sent, translated
from hostd.gateway.forwarding.downstream import ClientGoneError, Downstream
from hostd.gateway.forwarding.masked_exchange import UNMASKED, MaskedExchange
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.forwarding.retry_after import wait_asked_for
from hostd.gateway.forwarding.second_answer import SecondAnswer, may_go_on, with_tool_calls
from hostd.gateway.forwarding.stream_relay import FORMAL_END, StreamReading, StreamRelay
from hostd.gateway.forwarding.timeouts import AttemptTimeout
from hostd.gateway.http.answers import WholeAnswer

log = structlog.get_logger()

_REPORTS_EVERY = 0.1
"""Seconds between two reports to the watchdog that an answer makes progress."""


class Attempt:
    """Sends *request* to the upstream of *lease*; a stream is sent to *down*, and without one a whole answer is returned.

    *deadline* is when the request must be over, on the loop's clock.
    """

    def __init__(
        self,
        services: InferenceServices,
        request: InferenceRequest,
        trace: RequestTrace,
        lease: Lease,
        down: Downstream | None,
        deadline: float,
    ) -> None:
        self._services = services
        self._request = request
        self._trace = trace
        self._lease = lease
        self._down = down
        self._deadline = deadline
        self._clock = services.timeouts.loop.time
        self._began = self._clock()
        self._relaying: StreamRelay | None = None
        self._sending = self._in_one_piece = False
        self._first: StreamTranslator | None = None
        self._report_at = self._began
        self._translation: Translation
        self._masked: MaskedExchange
        self._limits: AttemptTimeout

    @property
    def seconds(self) -> float:
        """Seconds since the attempt began."""
        return self._clock() - self._began

    @property
    def _begun(self) -> bool:
        """Whether the client has been sent a part of the answer itself."""
        return self._down is not None and self._down.begun

    async def run(self) -> web.StreamResponse:
        """Return the response, complete.

        Raises:
            RetryableFailure: It failed before the first content byte.
            TerminalFailure: It failed later, or the request itself is at fault, or its whole time is up.
            ClientGoneError: The client no longer reads.
        """
        translation = registry.translation(self._request.dialect, self._lease.spoken(self._request))
        if translation is None:
            raise RetryableFailure(FallbackReason.UNFIT, f"the engine cannot be asked for {self._request.dialect}")
        self._translation = translation
        self._masked = UNMASKED if (mask := self._lease.mask) is None else MaskedExchange(mask, translation.spoken)
        with self._lease:
            try:
                return await self._exchange()
            except ToolCallFailure as failure:
                return await self._ask_again(failure)

    async def _ask_again(self, failure: ToolCallFailure) -> web.StreamResponse:
        """Ask the same engine once more, for an answer in one piece: often it is chance that a model leaves the form of a call."""
        trace = self._trace
        trace.asked_again += (trace.model,)
        log.warning("asked_again", model=trace.model, request=trace.request_id, why=failure.logged or failure.detail)
        self._in_one_piece = True
        try:
            return await self._exchange()
        except (ToolCallFailure, RetryableFailure) as error:
            again = error.final if isinstance(error, ToolCallFailure) else error
            raise (self._broken(again.detail, logged=again.logged) if self._begun else again) from None

    async def _exchange(self) -> web.StreamResponse:
        lease, whole = self._lease, self._in_one_piece
        request, translation = self._request, self._translation
        if translation.spoken is request.dialect:
            lease.passed_headers, document = request.headers, translation.request(request)
        else:
            document = await translated(request, translation)
        if lease.mask is not None:
            document = await self._masked.request(document)
        if whole:
            document = document.replace({"stream": False}, without=("stream_options",))
        assembled = not whole and self._translation.assembles and lease.prefers_stream(document)
        streamed = assembled or (self._down is not None and not whole)
        # A provider that was asked again shows nothing of its work, and must not be waited for to the end of the whole time.
        sign = partial(lease.sign, streamed=streamed or (whole and not lease.stays_here))
        self._limits = AttemptTimeout(self._services.timeouts, lease.limits, self._deadline - self._clock(), sign)
        try:
            with self._limits:
                upstream = await sent(
                    lease, document, self._translation, self._trace, assembled=assembled, streamed=streamed
                )
                return await self._receive(upstream)
        except AnswerError as error:
            raise self._bad_answer(f"the engine cannot be understood: {error}") from None
        except ExchangeError as error:
            raise await self._connection_lost(error) from None
        except TimeoutError:
            raise self._timed_out() from None

    async def _receive(self, upstream: Response) -> web.StreamResponse:
        try:
            self._response = upstream
            response = await self._pass_on(upstream)
        except BaseException:
            upstream.close()
            raise
        # The end of a chunked response is often sent by itself, a moment later; then its connection can be used again.
        upstream.leave(FORMAL_END)
        return response

    async def _pass_on(self, upstream: Response) -> web.StreamResponse:
        if 300 <= upstream.status < 400:
            # Followed, the prompt would be sent to an address that the owner has not named.
            where = upstream.text(b"location")[:200] or "nowhere"
            raise no_answer(f"the engine redirects to {where!r}, and redirects are not followed")
        if upstream.status != 200:
            self._lease.progress()
            failure_body = await upstream.read(LARGEST_ERROR)
            failure = self._translation.failure(upstream.status, failure_body)
            wait = wait_asked_for(upstream.status, upstream.text(b"retry-after"), failure_body, time.time())
            raise self._rejected(failure, wait)
        streams = upstream.content_type == self._translation.stream_type
        if self._down is None:
            answer = await self._assemble(upstream) if streams else self._read(await upstream.read())
            self._answered(answer.prompt_tokens, answer.tokens)
            return WholeAnswer(f"{self._trace.lines()}Content-Type: application/json\r\n", answer.body)
        if self._in_one_piece:
            return await self._say_as_stream(self._down, upstream)
        if streams:
            return await self._relay(self._down, upstream)
        raise no_answer(f"the engine was asked for a stream and sent {upstream.content_type}")

    def _context(self) -> AnswerContext:
        trace, began = self._trace, time.time() - self.seconds
        return AnswerContext(self._request, trace.model, trace.request_id, trace.waited, trace.loaded, time.time, began)

    def _read(self, payload: bytes) -> Answer:
        return self._checked(self._translation.response(self._masked.restored(payload), self._context()))

    def _checked(self, answer: Answer) -> Answer:
        if answer.engine_error is not None:
            raise self._rejected(answer.engine_error)
        if answer.failure:
            raise no_answer(answer.failure)
        self._lease.progress()
        return answer

    def _rejected(self, error: HostdError, wait: float | None = None) -> Exception:
        tools = self._request.requirements.tools and self._translation.spoken is Dialect.OPENAI_CHAT
        return rejected_by_engine(self._lease.understood(error), wait, tools=tools)

    async def _say_as_stream(self, down: Downstream, upstream: Response) -> web.StreamResponse:
        """Send a whole answer as a stream, or what of it is missing in the one that has begun."""
        payload = self._masked.restored(await upstream.read())
        self._checked(self._translation.response(payload, self._context()))
        second = SecondAnswer(payload, self._first)
        events, translator = second.events(self._translation, self._context())
        if not translator.done:
            raise no_answer(translator.failure or "the engine called no tool when it was asked again")
        down.error_event = translator.error_event
        self._answered(translator.prompt_tokens, translator.tokens)
        self._sending = True
        return await down.finish(events)

    async def _assemble(self, upstream: Response) -> Answer:
        """Return the whole answer that a stream makes up; until it is complete, the client is sent nothing."""
        assembler = self._translation.assembler(self._context())

        def take(data: bytes) -> None:
            known = assembler.signs
            assembler.feed(data)
            if assembler.begun:
                self._trace.ttft = self._trace.ttft or self.seconds
            if assembler.signs > known:
                self._progress(assembler.prompt.latest, begun=assembler.begun)

        await StreamReading(upstream, assembler, take, rewrite=self._masked.rewrite()).run()
        complete = assembler.end()
        if assembler.engine_error is not None:
            raise self._rejected(assembler.engine_error)
        if not complete:
            raise no_answer(assembler.failure or "the engine ended its answer in the middle")
        return self._checked(assembler.answer())

    async def _relay(self, down: Downstream, upstream: Response) -> web.StreamResponse:
        """Send the stream to the client as it comes; what completes it goes out together with the end of the response."""
        translator: StreamTranslator = self._translation.stream(
            self._context(),
            passes_progress=self._request.document.is_true("return_progress"),
            passes_sums=not self._lease.adds_usage(self._request.document),
        )
        if self._request.requirements.tools:
            translator = with_tool_calls(translator, self._translation, self._lease.repair)
        down.error_event = translator.error_event

        def progressed() -> None:
            if translator.begun:
                self._trace.ttft = self._trace.ttft or self.seconds
            self._progress(None if down.begun else translator.prompt.latest, begun=translator.begun)

        self._relaying = relay = StreamRelay(upstream, translator, down, progressed, self._masked.rewrite())
        await relay.run()
        # The relay reports to this attempt: apart, both are freed now, and not by a collection that holds up all requests.
        self._relaying = None
        if translator.done:
            self._answered(translator.prompt_tokens, translator.tokens)
            self._sending = True
            return await down.finish(relay.last)
        return await self._end(down, translator)

    async def _end(self, down: Downstream, translator: StreamTranslator) -> web.StreamResponse:
        """End a stream that has ended without its formal end, or that has failed."""
        end = translator.end()
        if end is None:
            said = translator.engine_error
            what = translator.failure or "the engine ended its answer before it had begun"
            failure = no_answer(what) if said is None else self._rejected(said)
            if not down.begun:
                raise failure
            if isinstance(failure, ToolCallFailure) and may_go_on(translator, self._request):
                self._first = translator
                raise failure
        self._answered(translator.prompt_tokens, translator.tokens)
        if end is None:
            said = translator.engine_error
            what = translator.failure or "the engine ended its answer in the middle"
            raise self._broken(what, logged=None if said is None else without_words(said))
        return await down.finish(end)

    def _progress(self, prompt: PromptProgress | None, *, begun: bool) -> None:
        """Note that the engine has shown progress; the watchdog need not hear of each token of each stream."""
        now = self._clock()
        self._limits.progress(now, answer=begun)
        self._lease.begun = begun
        if prompt is not None and prompt != self._lease.prompt:
            self._lease.read(prompt)
        if now >= self._report_at:
            self._report_at = now + _REPORTS_EVERY
            self._lease.progress()

    def _answered(self, prompt_tokens: int, tokens: int) -> None:
        trace = self._trace
        trace.prompt_tokens, trace.tokens = prompt_tokens, tokens
        trace.ttft = trace.ttft or self.seconds
        trace.cost = self._lease.price.of(prompt_tokens, tokens)
        self._lease.answered(self._response.ends, prompt_tokens, tokens, trace.ttft, self.seconds)

    def _timed_out(self) -> Exception:
        """Return what it means that a limit has passed."""
        lease, reason, limits = self._lease, self._limits.reason, self._lease.limits
        if reason is None:
            if not self._begun and not self._trace.ttft:
                # Whether an engine without a single token gets on at all is for the watchdog to find out.
                lease.suspect()
            error = out_of_time(self._trace.model, self._state_of_prompt())
            return self._broken(error.message, by_engine=False) if self._begun else TerminalFailure(error)
        if self._sending or (self._relaying is not None and self._relaying.sending):
            # It is the client that no longer reads; the engine has sent its part.
            return ClientGoneError()
        took = f"within {self.seconds:.1f} s ({reason}){self._state_of_prompt()}"
        if self._limits.read_too_long:
            return RetryableFailure(reason, f"the request was not read {took}")
        lease.suspect()
        if self._begun:
            return self._broken(f"the engine has sent nothing for {limits.stall_timeout:g} s ({reason})")
        return RetryableFailure(reason, f"no first token {took}, nor any progress for {limits.first_token_timeout:g} s")

    def _state_of_prompt(self) -> str:
        prompt = self._lease.prompt
        return "" if prompt is None or self._trace.ttft else f", of whose prompt {prompt} were read"

    async def _connection_lost(self, error: Exception) -> RetryableFailure | TerminalFailure:
        """Return what a lost connection means: a crash, or an engine that runs but closed it."""
        lease = self._lease
        crashed = await lease.died_within(CRASH_NOTICE)
        what = "the engine crashed" if crashed else "the connection to the engine broke off"
        if isinstance(error, ConnectError) and not crashed:
            what = f"the engine at {lease.endpoint.url} cannot be reached: {error}"
        if not crashed:
            lease.suspect()
        if self._begun:
            return self._broken(what)
        reason = FallbackReason.CRASHED if crashed else FallbackReason.CONNECT
        return RetryableFailure(reason, what, reached=not isinstance(error, ConnectError))

    def _bad_answer(self, what: str) -> Exception:
        return self._broken(what) if self._begun else no_answer(what)

    def _broken(self, what: str, *, logged: str | None = None, by_engine: bool = True) -> TerminalFailure:
        """Return the failure of an answer that had begun, and record it, as *logged* where *what* repeats an engine's words."""
        trace = self._trace
        log.error("stream_broken", model=trace.model, request=trace.request_id, why=logged or what)
        return TerminalFailure(
            EngineError(f"the answer of '{trace.model}' is not complete: {what}"), broke_off=by_engine
        )
