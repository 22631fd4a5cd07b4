"""A request is read once: its body as far as routing needs, and what its headers ask of hostd."""

from dataclasses import dataclass

from aiohttp import web

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.errors import RequestError
from hostd.gateway.auth import RequestOptions, options_of

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Bytes; agents send a hundred kilobytes of tools and a few megabytes of pictures."""


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What a client wants from a model, and what it asks of hostd besides."""

    inference: InferenceRequest
    options: RequestOptions


async def parse_request(request: web.BaseRequest, dialect: Dialect) -> ParsedRequest:
    """Return *request* as far as routing needs it.

    Raises:
        RequestError: It is too large, is no JSON object, names no model, or its headers make no sense.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large()
    inference = registry.client_dialect(dialect).parse(await request.read())
    return ParsedRequest(inference, options_of(request.headers))


def too_large() -> RequestError:
    """Return the error for a body over the limit."""
    limit = MAX_BODY_BYTES // (1024 * 1024)
    return RequestError(f"the request body is larger than {limit} MiB", code="request_too_large", status=413)
