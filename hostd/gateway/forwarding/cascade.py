"""A request of a role with a cascade: an answer is held back until it has passed its checks, or another model answers instead.

Answers are held as chat completions, whatever dialect their client speaks, and said again in that. The answer of the last target
that may be asked is not held: no other would come in its place, so that it is passed on as it comes. Where a dearer target is not
to be had after all (its provider is down, the budget used up), the answer that was held last is given.
"""

import json
import time
from dataclasses import dataclass, replace

from aiohttp import web

from hostd.backends.in_turn import in_turn
from hostd.dialects import registry
from hostd.dialects.base import AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import BrokenAnswerError, answer_of
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.request_document import RequestDocument
from hostd.domain.cascade import CascadeCheck, CascadeSettings
from hostd.domain.errors import Bug, EngineError, RequestError
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route, Task
from hostd.gateway.forwarding.attempt_errors import RetryableFailure, TerminalFailure
from hostd.gateway.forwarding.downstream import Downstream
from hostd.gateway.forwarding.inner_request import InnerRequests
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.forwarding.second_answer import SecondAnswer
from hostd.gateway.http.answers import WholeAnswer
from hostd.routing.cascade import judge
from hostd.routing.cascade.checks import CheckFailure, failed
from hostd.routing.cascade.said import Said
from hostd.scheduling.gateway_decisions import CheckFailed
from hostd.telemetry.sinks import Sinks

_VERDICT = 10.0
"""Seconds in which a judge must have said yes or no."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A whole answer, the state of its request's trace, and why its client does not have it."""

    payload: bytes
    trace: RequestTrace
    failure: CheckFailure


class CascadeRun:
    """The steps of one request. *request* is what is asked for an answer that is held."""

    def __init__(
        self,
        settings: CascadeSettings,
        inference: InferenceRequest,
        chat: RequestDocument,
        trace: RequestTrace,
        sinks: Sinks,
        inner: InnerRequests,
    ) -> None:
        """Answer *inference*, which asks for the completion of *chat*."""
        self._settings = settings
        self._inference = inference
        self._trace = trace
        self._sinks = sinks
        self._inner = inner
        self._held: _Held | None = None
        self._steps = 0
        self._adds_logprobs = settings.min_logprob is not None and not chat.is_true("logprobs")
        added = {"logprobs": True} if self._adds_logprobs else {}
        self.request = inference._replace(
            dialect=Dialect.OPENAI_CHAT,
            document=chat.replace({"stream": False, **added}, without=("stream_options",)),
            stream=False,
            chat=None,
            headers={},
            kept_as="",
        )

    @classmethod
    def of(
        cls,
        settings: CascadeSettings,
        inference: InferenceRequest,
        trace: RequestTrace,
        sinks: Sinks,
        inner: InnerRequests,
    ) -> "CascadeRun | None":
        """Return the cascade of *inference*; None where it does not ask for one answer of a chat, which alone can be checked."""
        chat = _chat_of(inference)
        return None if chat is None else cls(settings, inference, chat, trace, sinks, inner)

    @property
    def has_held(self) -> bool:
        """Whether there is an answer that can be given if no other comes."""
        return self._held is not None

    def holds(self, route: Route, model: str) -> bool:
        """Return whether the answer of *model* is to be held back: another of *route* might be asked for a better one."""
        if self._settings.max_steps is not None and self._steps >= self._settings.max_steps:
            return False
        at = next((at for at, target in enumerate(route.targets) if target.model == model), len(route.targets))
        later = range(at + 1, len(route.targets))
        return any(route.open_to(index, FallbackReason.CHECK_FAILED, at) for index in later)

    async def checked(
        self, response: web.StreamResponse, ticket_id: str, down: Downstream | None, *, private: bool
    ) -> web.StreamResponse:
        """Return the answer in *response* to the client, to *down* where it streams.

        Raises:
            RetryableFailure: It has not passed a check.
        """
        if not isinstance(response, WholeAnswer):
            raise Bug("an answer that is held comes whole")
        payload = response.whole
        failure = await self._failure(payload, private=private)
        if failure is None:
            return await self._say(payload, down)
        trace = self._trace
        self._sinks.decided(CheckFailed(trace.model, ticket_id, failure.check, failure.why))
        self._held = _Held(payload, replace(trace), failure)
        self._steps += 1
        tokens = trace.prompt_tokens + trace.tokens
        cost, trace.cost, trace.ttft = trace.cost, None, 0.0
        trace.cost_before += cost or 0.0
        trace.cascade += (f"{trace.model}={failure.check}",)
        raise RetryableFailure(
            FallbackReason.CHECK_FAILED,
            f"the answer has not passed the check '{failure.check}': {failure.why}",
            502,
            reached=False,
            cost=cost,
            tokens=tokens,
        )

    async def give_held(self, ticket_id: str, down: Downstream | None) -> web.StreamResponse:
        """Give the client the answer that was held last: no other is to be had."""
        held, trace = self._held, self._trace
        if held is None:
            raise Bug("no answer was held")
        self._sinks.decided(CheckFailed(held.trace.model, ticket_id, held.failure.check, held.failure.why, kept=True))
        before = held.trace
        trace.model, trace.backend, trace.route = before.model, before.backend, before.route
        trace.prompt_tokens, trace.tokens, trace.ttft, trace.cost = (
            before.prompt_tokens,
            before.tokens,
            before.ttft,
            None,
        )
        try:
            return await self._say(held.payload, down)
        except RetryableFailure as failure:
            raise TerminalFailure(EngineError(failure.detail)) from None

    async def _failure(self, payload: bytes, *, private: bool) -> CheckFailure | None:
        try:
            said = Said(answer_of(parse_json(payload)))
        except (JsonError, BrokenAnswerError):
            return None
        asked = self.request.document
        found = await in_turn(asked.size + len(payload), failed, self._settings, asked, said)
        if found is not None or self._settings.judge is None:
            return found
        question = judge.question(asked, said, self._settings.judge)
        verdict = await self._inner.ask(question, private=private, seconds=_VERDICT)
        if verdict is None or judge.will_do(verdict) is not False:
            return None
        return CheckFailure(CascadeCheck.JUDGE, f"'{self._settings.judge}' says that it will not do")

    async def _say(self, payload: bytes, down: Downstream | None) -> web.StreamResponse:
        """Say the chat completion *payload* in the client's own dialect.

        Raises:
            RetryableFailure: That has no way to say it.
        """
        trace, inference = self._trace, self._inference
        translation = registry.translation(inference.dialect, (Dialect.OPENAI_CHAT,))
        if translation is None:
            raise Bug(f"a chat completion cannot be said in {inference.dialect}")
        if self._adds_logprobs:
            payload = _without_logprobs(payload)
        context = AnswerContext(
            inference, trace.model, trace.request_id, trace.waited, trace.loaded, time.time, time.time() - trace.ttft
        )
        if down is None:
            answer = translation.response(payload, context)
            if answer.failure:
                raise RetryableFailure(FallbackReason.STATUS_5XX, answer.failure, 502, reached=False)
            return WholeAnswer(f"{trace.lines()}Content-Type: application/json\r\n", answer.body)
        events, translator = SecondAnswer(payload, None).events(translation, context)
        if not translator.done:
            raise RetryableFailure(FallbackReason.STATUS_5XX, translator.failure, 502, reached=False)
        down.error_event = translator.error_event
        return await down.finish(events)


def _chat_of(inference: InferenceRequest) -> RequestDocument | None:
    """Return the chat completion that *inference* asks for; None where it asks for something else, or for several."""
    if inference.choices != 1 or inference.requirements.task is not Task.TEXT:
        return None
    translation = registry.translation(inference.dialect, (Dialect.OPENAI_CHAT,))
    try:
        document = None if translation is None else translation.request(inference)
    except RequestError:
        # Only an upstream that speaks the client's own dialect can be asked this.
        return None
    return document if document is not None and "messages" in document else None


def _without_logprobs(payload: bytes) -> bytes:
    """Return a chat completion without what its client has not asked for."""
    document = parse_json(payload)
    for choice in document["choices"]:
        choice.pop("logprobs", None)
    return json.dumps(document).encode()
