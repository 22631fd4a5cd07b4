"""Errors as whole HTTP answers, in the dialect of the client."""

import math

from aiohttp import web

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.errors import HostdError
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.http.content_encoding import SUPPORTED, UnsupportedEncoding


def response(error: HostdError, dialect: Dialect, trace: RequestTrace) -> web.Response:
    """Return *error* as the answer to a client that speaks *dialect*.

    Clients retry by themselves on most statuses; what cannot get better by asking again says so (``x-should-retry``).
    """
    headers = trace.headers()
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.retry_in_vain or (error.retry_after is None and error.status >= 500):
        headers["x-should-retry"] = "false"
    if isinstance(error, UnsupportedEncoding):
        headers["Accept-Encoding"] = SUPPORTED
    body = registry.client_dialect(dialect).error(error)
    return web.Response(body=body, status=error.status, headers=headers, content_type="application/json")
