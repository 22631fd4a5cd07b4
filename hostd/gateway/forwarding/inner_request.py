"""A request that hostd itself makes of a profile while it answers one of a client's: for a verdict, or for a summary.

It is screened, queued, paid for and recorded as any other, in the name of that client, and kept on this machine where the client's
request is. Of its session, its trace and its hops it knows nothing, so that it counts as no step of them.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web
from multidict import CIMultiDict

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import BrokenAnswerError, answer_of
from hostd.dialects.json_text import JsonError, parse_json
from hostd.domain.errors import HostdError
from hostd.gateway.context import RequestContext
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.http.answers import WholeAnswer

Answering = Callable[[RequestContext, InferenceRequest], Awaitable[web.StreamResponse]]


class InnerRequests:
    """Asks profiles by *answering*, on behalf of the request of *ctx*."""

    def __init__(self, ctx: RequestContext, answering: Answering) -> None:
        self._ctx = ctx
        self._answering = answering
        self._made = 0

    async def ask(self, document: dict[str, Any], *, private: bool, seconds: float) -> str | None:
        """Return the text that *document*, a chat completion, is answered with within *seconds*; None where there is none.

        A *private* one does not leave this machine.
        """
        self._made += 1
        trace = RequestTrace(f"{self._ctx.trace.request_id}.{self._made}")
        # No connection is behind it: what answers a whole request looks at no more than this.
        headers = CIMultiDict({"X-Hostd-Timeout": f"{seconds:g}s"})
        head = SimpleNamespace(headers=headers, path="/v1/chat/completions", transport=None)
        principal = replace(self._ctx.principal, allowed=None)
        ctx = RequestContext(cast("web.BaseRequest", head), trace, principal, Dialect.OPENAI_CHAT)
        try:
            inference = registry.client_dialect(Dialect.OPENAI_CHAT).parse(json.dumps(document).encode())
            response = await self._answering(ctx, inference._replace(private=private))
            if not isinstance(response, WholeAnswer):
                return None
            answer = parse_json(response.whole)
            return answer_of(answer).piece.text if isinstance(answer, dict) else None
        except (HostdError, BrokenAnswerError, JsonError):
            return None
