"""One question to one model, by the way of any request from its lease on: the same translation, time limits and engine.

It comes behind no queue and into no record: neither the demand for a model nor its times may be learnt from it. A provider is the
exception, since it costs money: there a question is a ticket of the last class, held to the provider's limits, and charged.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from hostd.backends.upstream import Lease, Upstream
from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai.capability_verdicts import EngineRefusal, Reply
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import EngineError, HostdError, RequestError
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Priority, Route, Target, Ticket
from hostd.domain.token_estimate import most_tokens
from hostd.gateway.context import InferenceServices
from hostd.gateway.forwarding.attempt import Attempt
from hostd.gateway.forwarding.attempt_errors import RetryableFailure, TerminalFailure
from hostd.gateway.forwarding.request_trace import RequestTrace, request_id
from hostd.gateway.http.answers import WholeAnswer
from hostd.runtime.dispatcher import RequestRefused

_LONGEST = 600.0
"""Seconds that one answer may take."""
_CANNOT = frozenset({FallbackReason.UNFIT, FallbackReason.BAD_TOOL_CALL})
"""Reasons that lie in the engine or its model; others come and go."""
_LOST = frozenset({FallbackReason.CRASHED, FallbackReason.CONNECT})


class EngineLostError(Exception):
    """The engine cannot be asked; *in_answer* says that it ended, or could not be reached, when it had been asked."""

    def __init__(self, why: str, *, in_answer: bool = False) -> None:
        super().__init__(why)
        self.in_answer = in_answer


async def ask(services: InferenceServices, upstream: Upstream, dialect: Dialect, body: Mapping[str, Any]) -> Reply:
    """Return what the engine of *upstream* answers to *body*.

    Raises:
        EngineLostError: It cannot be asked now.
    """
    return await _answer(services, upstream, dialect, body, RequestTrace(request_id({}), upstream.name))


async def ask_provider(
    services: InferenceServices, upstream: Upstream, dialect: Dialect, body: Mapping[str, Any]
) -> Reply:
    """Return what the provider of *upstream* answers to *body*, once it is its turn, and have it charged.

    Raises:
        EngineLostError: It cannot be asked now.
    """
    model, dispatcher, clock = upstream.name, services.dispatcher, asyncio.get_running_loop().time
    trace = RequestTrace(request_id({}), model)
    document = RequestDocument.of(body)
    ticket = Ticket(
        trace.request_id,
        Route(model, (Target(model),), profile=model),
        client="hostd probe",
        priority=Priority.BATCH,
        prompt_tokens=most_tokens(document.size),
        answer_tokens=int(body.get("max_tokens", 0)),
    )
    try:
        await dispatcher.admit(ticket)
    except RequestRefused as refused:
        return EngineRefusal(refused.effect.error.message, final=False)
    began, answered = clock(), False
    try:
        reply = await _answer(services, upstream, dialect, body, trace)
        answered = not isinstance(reply, EngineRefusal)
    finally:
        if answered:
            dispatcher.finished(ticket.id, clock() - began, trace.cost)
        else:
            dispatcher.client_left(ticket.id)
    return reply


async def _answer(
    services: InferenceServices, upstream: Upstream, dialect: Dialect, body: Mapping[str, Any], trace: RequestTrace
) -> Reply:
    request = registry.client_dialect(dialect).parse(RequestDocument.of(body).encode())
    try:
        lease = _lease(upstream)
        deadline = asyncio.get_running_loop().time() + _LONGEST
        answer = await Attempt(services, request, trace, lease, None, deadline).run()
    except RetryableFailure as failure:
        if failure.reason in _LOST:
            raise EngineLostError(failure.detail, in_answer=True) from None
        return EngineRefusal(failure.detail, final=failure.reason in _CANNOT)
    except TerminalFailure as failure:
        return _refusal(failure.error)
    except RequestError as error:
        return _refusal(error)
    try:
        document = parse_json(answer.whole) if isinstance(answer, WholeAnswer) else None
    except JsonError:
        document = None
    return document if isinstance(document, dict) else EngineRefusal("its answer cannot be read", final=False)


def _lease(upstream: Upstream) -> Lease:
    try:
        lease = upstream.lease()
    except EngineError as error:
        raise EngineLostError(error.message) from None
    # What an engine holds is measured after users' requests, whose prompts are longer.
    lease.measures = False
    return lease


def _refusal(error: HostdError) -> EngineRefusal:
    """Return *error* as one: a request that is refused as it stands would be refused again."""
    return EngineRefusal(error.message, final=isinstance(error, RequestError))
