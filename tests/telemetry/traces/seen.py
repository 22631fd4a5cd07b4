"""A request as a sink of traces sees it."""

import json
from typing import Any

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.reason import FallbackReason
from hostd.scheduling.decisions import FellBack, Routed
from hostd.telemetry.sinks import Exchange
from hostd.telemetry.traces.request_spans import RequestSeen, UpstreamName
from hostd.telemetry.traces.sink import TraceSink


class Kept:
    """Keeps what it is given to export."""

    def __init__(self) -> None:
        self.seen: list[RequestSeen] = []
        self.closed = False

    def put(self, seen: RequestSeen) -> None:
        """Keep it."""
        self.seen.append(seen)

    def samples(self, trace_id: int) -> bool:
        """Return that every trace is recorded."""
        return bool(trace_id)

    def close(self) -> None:
        """Note it."""
        self.closed = True


def asked(**members: Any) -> InferenceRequest:
    """Return a chat completion that was asked for."""
    body = {"model": "alpha", "messages": [{"role": "user", "content": "go"}]} | members
    return registry.client_dialect(Dialect.OPENAI_CHAT).parse(json.dumps(body).encode())


def routed(model: str, attempt: int = 1) -> Routed:
    """Return the decision that *model* is asked."""
    return Routed(model, "t1", "alpha", None if attempt == 1 else FallbackReason.STALL, attempt, 0.0, 2, 1, 0)


def fell_back(model: str, to: str) -> FellBack:
    """Return the decision that a request moves on."""
    return FellBack(model, "t1", to, FallbackReason.STALL, "silent", 0.0, 1, 0)


def sink(kept: Kept, *, content: bool = False) -> TraceSink:
    """Return a sink into *kept*."""
    return TraceSink(kept, lambda model: UpstreamName("zai" if model == "beta" else "llamacpp"), lambda: content)


def exchange(answer: bytes | None = None, traceparent: str | None = None, **members: Any) -> Exchange:
    """Return what was said."""
    return Exchange(asked(**members), "/v1/chat/completions", traceparent, answer)
