"""The request of an attempt, as its upstream is sent it."""

from hostd.backends.http.errors import ConnectionLostError
from hostd.backends.http.response import Response
from hostd.backends.in_turn import in_turn
from hostd.backends.upstream import Lease
from hostd.dialects.base import InferenceRequest, Translation
from hostd.dialects.json_text import SMALL
from hostd.dialects.openai.request_fields import shown
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.attempt_errors import RetryableFailure, rejected_by_engine
from hostd.gateway.forwarding.request_trace import RequestTrace

CRASH_NOTICE = 0.5
"""Seconds within which a broken connection is taken for the first sign of a crash."""


async def translated(request: InferenceRequest, translation: Translation) -> RequestDocument:
    """Return *request* as the upstream of *lease* is asked in another dialect.

    Raises:
        RetryableFailure: It cannot be said in the dialect that is spoken to this one.
        TerminalFailure: It cannot be said at all.
    """
    try:
        return await in_turn(request.document.size, translation.request, request)
    except RequestError as error:
        raise rejected_by_engine(error) from None


async def sent(
    lease: Lease,
    document: RequestDocument,
    translation: Translation,
    trace: RequestTrace,
    *,
    assembled: bool,
    streamed: bool,
) -> Response:
    """Send *document* to the upstream of *lease* and return its response, of which the head has been read.

    *assembled* says that a stream is asked for in the place of a whole answer, *streamed* that a stream is asked for. A kept-alive
    connection may be closed by the engine just as it is used again; then the request is sent once more.

    Raises:
        RetryableFailure: The upstream cannot answer the request.
        TerminalFailure: No upstream can.
        ExchangeError: The upstream cannot be reached, or the connection broke off.
    """
    try:
        await lease.take_slot()
    except EngineError as error:
        # Its end is on its way to the scheduler, which has the request served by the next one.
        raise RetryableFailure(FallbackReason.CRASHED, error.message, reached=False) from None
    try:
        adapted = await lease.translate(document, translation.spoken)
    except RequestError as error:
        raise rejected_by_engine(error) from None
    if lease.left_out:
        trace.left_out = shown(lease.left_out)
    trace.thinking = lease.thinks_instead
    if assembled:
        adapted = translation.streamed(adapted)
    if streamed:
        adapted = lease.with_reports(adapted)
    adapted = lease.in_slot(adapted)
    body = adapted.encode() if adapted.size <= SMALL else await in_turn(adapted.size, adapted.encode)
    lease.sent(body)
    url = lease.endpoint.url + lease.endpoint.speaks[translation.spoken]
    headers = {"Content-Type": "application/json", **lease.endpoint.headers, **lease.passed_headers}
    if streamed and not lease.endpoint.keeps_connections:
        # It is closed in any case, after a moment in which the next request might already use it.
        headers["Connection"] = "close"
    try:
        return await lease.http.send("POST", url, headers, body, own=lease.loop_headers)
    except ConnectionLostError as error:
        if not error.stale or await lease.died_within(CRASH_NOTICE):
            raise
        return await lease.http.send("POST", url, headers, body, own=lease.loop_headers, fresh=True)
