"""The spans of one request: the request, its wait and the load in it, each attempt, and the time to the first token.

Names are those of OpenTelemetry's conventions for generative AI, which are in development, and stand in this room alone
(https://github.com/open-telemetry/semantic-conventions-genai). What they have no name for begins with ``hostd.``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

from hostd.dialects.base import Dialect
from hostd.domain.profile import Variant
from hostd.telemetry.sinks import RequestRecord
from hostd.telemetry.traces.context import TraceContext

Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]

REQUEST, QUEUE, LOAD, FIRST_TOKEN = "", "queue", "load", "first_token"
_SHORTEST_WAIT = 0.001
"""Seconds below which a request has not waited."""
_OPERATIONS = {
    **dict.fromkeys((Dialect.OPENAI_COMPLETIONS, Dialect.ANTHROPIC_TEXT), "text_completion"),
    **dict.fromkeys((Dialect.OLLAMA_GENERATE, Dialect.OLLAMA_RAW), "text_completion"),
    **dict.fromkeys((Dialect.OPENAI_EMBEDDINGS, Dialect.OLLAMA_EMBED, Dialect.OLLAMA_EMBEDDINGS), "embeddings"),
    **dict.fromkeys((Dialect.RERANK, Dialect.COHERE_RERANK), "rerank"),
    Dialect.SYSTEMONE: "decide",
}
_PROVIDERS = {"gemini": "gcp.gemini", "xai": "x_ai"}
"""Providers that the conventions know by another name."""


class SpanKind(Enum):
    """What a span stands for: a request that hostd answers, one that it sends, or a time within."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


class SpanEvent(NamedTuple):
    """What happened *at* one moment of a span, in seconds since 1970."""

    name: str
    at: float
    attributes: Attributes


class SpanData(NamedTuple):
    """One span: *part* tells it from the others of its request, *parent* is the part that it is in (None: the client's own span).

    Times are in seconds since 1970. *error* says what went wrong, empty where nothing did.
    """

    part: str
    parent: str | None
    name: str
    kind: SpanKind
    begin: float
    end: float
    attributes: Attributes
    events: Sequence[SpanEvent] = ()
    error: str = ""


class UpstreamName(NamedTuple):
    """What a model is served by: an engine or provider, and the *address* of a server that is elsewhere."""

    provider: str
    address: str | None = None

    @classmethod
    def of(cls, variant: Variant) -> "UpstreamName":
        """Return the name of what serves *variant*."""
        if variant.provider is not None:
            return cls(variant.provider)
        if variant.url is not None:
            return cls("attached", urlsplit(variant.url).hostname)
        return cls(variant.backend)


class AttemptSeen(NamedTuple):
    """A request was sent to *model* *at* a moment, as its attempt of that *number*.

    It was *ended* before the request was, for a *reason*, None for an answer that was held back; both are None for the last one.
    """

    number: int
    model: str
    upstream: UpstreamName
    at: float
    ended: float | None = None
    reason: str | None = None


class RequestSeen(NamedTuple):
    """A request to *path* that is over: *parent* is its client's span, *about* its parameters, *content* returns what was said."""

    record: RequestRecord
    path: str
    dialect: Dialect
    parent: TraceContext | None
    attempts: Sequence[AttemptSeen]
    fallbacks: Sequence[SpanEvent]
    about: Attributes
    content: Callable[[], Attributes] = dict


def spans_of(seen: RequestSeen) -> list[SpanData]:
    """Return the spans of a request, each after the one that it is in."""
    record = seen.record
    end = record.at + record.total
    spans = [_request(seen, end)]
    if record.waited >= _SHORTEST_WAIT:
        ready = record.at + record.waited
        wait = {"hostd.queue.wait_ms": _ms(record.waited)}
        spans.append(SpanData(QUEUE, REQUEST, QUEUE, SpanKind.INTERNAL, record.at, ready, wait))
        if record.loaded >= _SHORTEST_WAIT:
            load: Attributes = {"hostd.model.load_ms": _ms(record.loaded), "gen_ai.request.model": record.model}
            began = max(record.at, ready - record.loaded)
            spans.append(SpanData(LOAD, QUEUE, f"load {record.model}", SpanKind.INTERNAL, began, ready, load))
    for attempt in seen.attempts:
        number, last = attempt.number, attempt is seen.attempts[-1] and attempt.ended is None
        spans.append(_attempt(seen, attempt, end, last=last))
        if last and record.ttft:
            first = min(end, attempt.at + record.ttft)
            part = f"{number}/{FIRST_TOKEN}"
            spans.append(SpanData(part, str(number), "time to first token", SpanKind.INTERNAL, attempt.at, first, {}))
    return spans


def _request(seen: RequestSeen, end: float) -> SpanData:
    record, path = seen.record, seen.path
    route, _, reason = record.route.partition(":")
    attributes: dict[str, Value | None] = {
        "http.request.method": "POST",
        "http.route": path,
        "url.path": path,
        "http.response.status_code": record.sent or None,
        "session.id": record.session,
        "user.id": record.key or record.client,
        "hostd.request.id": record.id,
        "hostd.asked": record.asked,
        "hostd.model": record.model,
        "hostd.backend": record.backend,
        "hostd.role": record.role,
        "hostd.outcome": record.outcome,
        "hostd.route": route,
        "hostd.route.reason": reason or None,
        "hostd.route.attempts": record.attempts,
        "hostd.queue.wait_ms": _ms(record.waited),
        "hostd.model.load_ms": _ms(record.loaded),
    }
    error = ""
    if record.outcome not in {"answered", "gone"} and record.status >= 500:
        error = f"{record.outcome}, {record.status}"
        attributes["error.type"] = reason or str(record.status)
    name = f"POST {path}"
    events = seen.fallbacks
    return SpanData(REQUEST, None, name, SpanKind.SERVER, record.at, end, _known(attributes), events, error)


def _attempt(seen: RequestSeen, attempt: AttemptSeen, end: float, *, last: bool) -> SpanData:
    record, number, provider = seen.record, attempt.number, attempt.upstream.provider
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": (operation := _OPERATIONS.get(seen.dialect, "chat")),
        "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
        "gen_ai.request.model": attempt.model,
        "gen_ai.request.stream": record.stream,
        "gen_ai.conversation.id": record.session,
        "server.address": attempt.upstream.address,
        "hostd.route.attempt": number,
        **seen.about,
    }
    error = "" if attempt.reason is None else attempt.reason
    if last:
        attributes |= _answer(record, attempt, seen.content())
        if record.outcome in {"failed", "broken"}:
            error = f"{record.outcome}, {record.status}"
    if error:
        attributes["error.type"] = attempt.reason or str(record.status)
    name = f"{operation} {attempt.model}"
    until = end if attempt.ended is None else attempt.ended
    return SpanData(str(number), REQUEST, name, SpanKind.CLIENT, attempt.at, until, _known(attributes), error=error)


def _answer(record: RequestRecord, attempt: AttemptSeen, content: Attributes) -> dict[str, Value | None]:
    """Return what is known of an answer that came of the last attempt; sums stand there alone, as they are added up over spans."""
    first = datetime.fromtimestamp(attempt.at + record.ttft, UTC).isoformat() if record.ttft else None
    return {
        "gen_ai.response.model": record.model,
        "gen_ai.usage.input_tokens": record.prompt_tokens or None,
        "gen_ai.usage.output_tokens": record.output_tokens or None,
        "gen_ai.usage.cost": record.cost,
        "gen_ai.response.time_to_first_chunk": record.ttft or None,
        # Langfuse has no other way to learn it.
        "langfuse.observation.completion_start_time": first if record.stream else None,
        **content,
    }


def _known(attributes: Mapping[str, Value | None]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
