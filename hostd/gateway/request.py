"""A request's body is read once, as far as routing needs."""

from aiohttp import web

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.errors import RequestError

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Bytes; agents send a hundred kilobytes of tools and a few megabytes of pictures."""


async def parse_request(request: web.BaseRequest, dialect: Dialect) -> InferenceRequest:
    """Return what *request* asks of a model.

    Raises:
        RequestError: It is too large, is no JSON object, or names no model.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large()
    return registry.client_dialect(dialect).parse(await request.read())


def too_large() -> RequestError:
    """Return the error for a body over the limit."""
    limit = MAX_BODY_BYTES // (1024 * 1024)
    return RequestError(f"the request body is larger than {limit} MiB", code="request_too_large", status=413)
