"""Small requests to a running server: is it healthy, does it generate one token."""

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.dialects.smallest_request import smallest_request
from hostd.domain.ticket import Task

_TOLD = 300
"""Characters of a refusal that are told on."""


async def healthy(http: HttpClient, endpoint: Endpoint, path: str) -> bool:
    """Return whether the server's own health page says that it is loaded."""
    # Callers set the limits: minutes for a load, seconds for a probe.
    try:
        return (await http.ask(endpoint.url + path, endpoint.headers, seconds=None)).status == 200
    except ExchangeError:
        return False


async def answers(http: HttpClient, endpoint: Endpoint, path: str) -> bool:
    """Return whether the server answers at all: what it refuses, it refuses request by request."""
    try:
        return (await http.ask(endpoint.url + path, endpoint.headers, seconds=None)).status < 500
    except ExchangeError:
        return False


async def one_token(http: HttpClient, endpoint: Endpoint, *, task: Task) -> str | None:
    """Request the least that the server can generate, at the route that it has for that; return None, or else its answer."""
    dialect, body = smallest_request(endpoint.model, task)
    if dialect not in endpoint.speaks:
        return f"its dialects ({', '.join(endpoint.speaks)}) have no {dialect}"
    url = endpoint.url + endpoint.speaks[dialect]
    try:
        answer = await http.ask(url, endpoint.headers, body, seconds=None)
    except ExchangeError as error:
        return str(error)
    return None if answer.status == 200 else f"status {answer.status}: {answer.text[:_TOLD]}"
