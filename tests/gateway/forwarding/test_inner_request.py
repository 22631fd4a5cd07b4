"""Requests that hostd makes while it answers one."""

import json
from typing import cast

import pytest
from aiohttp import web

from hostd.dialects.base import InferenceRequest
from hostd.domain.errors import RequestError
from hostd.domain.principal import Principal, PrincipalKind
from hostd.gateway.context import RequestContext
from hostd.gateway.forwarding.inner_request import InnerRequests
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.http.answers import WholeAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")
SENDER = Principal("alice", PrincipalKind.KEY, allowed=frozenset({"other"}))
ASKED = {"model": "referee", "messages": [{"role": "user", "content": "?"}]}


class Answering:
    """Says *body*, or raises it, and keeps what it was asked."""

    def __init__(self, body: object) -> None:
        self.body = body
        self.ctx: RequestContext
        self.inference: InferenceRequest

    async def __call__(self, ctx: RequestContext, inference: InferenceRequest) -> web.StreamResponse:
        """Answer."""
        self.ctx, self.inference = ctx, inference
        if isinstance(self.body, Exception):
            raise self.body
        if self.body is None:
            return web.Response(status=503)
        return WholeAnswer("", json.dumps(self.body).encode())


def inner(body: object) -> tuple[InnerRequests, Answering]:
    """Return what asks on behalf of a client, and what answers *body*."""
    answering = Answering(body)
    headers = {"X-Hostd-Session": "s", "X-Hostd-Hop": "3", "Traceparent": "00-1", "X-Request-Id": "r"}
    request = cast("web.BaseRequest", type("Head", (), {"headers": headers}))
    return InnerRequests(RequestContext(request, RequestTrace("r"), SENDER), answering), answering


async def test_it_is_a_request_of_that_client() -> None:
    """Under its name and as private as its own, but with no part in its session; the owner has chosen the model."""
    asks, answering = inner({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]})
    assert await asks.ask(ASKED, private=True, seconds=3) == "yes"
    assert (answering.ctx.principal.client, answering.ctx.principal.allowed) == ("alice", None)
    assert (answering.inference.private, answering.inference.model) == (True, "referee")
    assert dict(answering.ctx.request.headers) == {"X-Hostd-Timeout": "3s"}
    assert answering.ctx.trace.request_id == "r.1"


@pytest.mark.parametrize("body", [RequestError("no", code="x"), None, {"choices": []}, {"choices": "none"}, [1]])
async def test_what_gives_no_answer(body: object) -> None:
    """Whatever is wrong, the request that it was for goes on."""
    asks, _ = inner(body)
    assert await asks.ask(ASKED, private=False, seconds=1) is None
