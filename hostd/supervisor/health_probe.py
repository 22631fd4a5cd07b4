"""Small requests to a running server: is it healthy, does it generate one token."""

import aiohttp

from hostd.backends.contract import Endpoint
from hostd.dialects.openai.dialect import smallest_request

# Callers set the limits: minutes for a load, seconds for a probe.
_NO_LIMIT = aiohttp.ClientTimeout(total=None)


async def healthy(http: aiohttp.ClientSession, endpoint: Endpoint, path: str) -> bool:
    """Return whether the server's own health page says that it is loaded."""
    try:
        async with http.get(endpoint.url + path, headers=endpoint.headers, timeout=_NO_LIMIT) as response:
            return response.status == 200
    except (aiohttp.ClientError, OSError):
        return False


async def one_token(http: aiohttp.ClientSession, endpoint: Endpoint, *, embeddings: bool) -> str | None:
    """Request the least that the server can generate, at the route that it has for that; return None, or else its answer."""
    dialect, body = smallest_request(endpoint.model, embeddings=embeddings)
    if dialect not in endpoint.speaks:
        return f"its dialects ({', '.join(endpoint.speaks)}) have no {dialect}"
    url = endpoint.url + endpoint.speaks[dialect]
    try:
        async with http.post(url, json=body, headers=endpoint.headers, timeout=_NO_LIMIT) as response:
            if response.status == 200:
                await response.read()
                return None
            return f"status {response.status}: {(await response.text())[:300]}"
    except (aiohttp.ClientError, OSError) as error:
        return f"{type(error).__name__}: {error}"
