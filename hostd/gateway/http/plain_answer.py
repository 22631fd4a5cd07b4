"""Answers to what is no request yet: to a head that cannot be read, and to a client whose connection is closed after them."""

from http import HTTPStatus

from aiohttp.http_exceptions import LineTooLong

from hostd.dialects import registry
from hostd.domain.errors import HostdError, RequestError
from hostd.gateway.forwarding.request_trace import request_id


def refusal(status: int, why: BaseException | None) -> HostdError:
    """Return the error for a head that aiohttp has refused with *status*, *why* is its reason."""
    if isinstance(why, LineTooLong):
        message = "the request line or a header is longer than hostd reads; shorten it"
        return RequestError(message, code="head_too_long", status=431)
    message = "this is no request of HTTP/1.1 that hostd can read: its head is malformed, or has too many headers"
    return RequestError(message, code="bad_request", status=status if 400 <= status < 500 else 400)


def raw_answer(error: HostdError, path: str = "/") -> bytes:
    """Return *error* as a whole, short answer for a client of *path* after which the connection is closed."""
    body = registry.client_dialect(registry.dialect_of(path)).error(error)
    retry = f"Retry-After: {error.retry_after:.0f}\r\n" if error.retry_after is not None else ""
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n{retry}"
        f"x-request-id: {request_id({})}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
