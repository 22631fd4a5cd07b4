"""Guards all routes of vLLM by the key of the launch: vLLM's own key guards only some, and not those that put it to sleep.

vLLM imports this by name (``--middleware vllm_guard.ApiKeyGuard``) from the folder that hostd puts on its path. It imports nothing
of hostd. It stands on no inside of vLLM, only on its flag and on ASGI; once ``--api-key`` guards every route, it can be deleted.
"""

import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REFUSED = (
    b'{"error": {"message": "the key is missing or wrong", "type": "authentication_error", "code": "invalid_api_key"}}'
)


class ApiKeyGuard:
    """Lets through what carries the key of this launch (``VLLM_API_KEY``); without one, nothing."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._key = os.environ.get("VLLM_API_KEY", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "lifespan" or (self._key and self._has_key(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSED})

    def _has_key(self, scope: Scope) -> bool:
        said = next((value for name, value in scope.get("headers", ()) if name.lower() == b"authorization"), b"")
        return hmac.compare_digest(bytes(said), f"Bearer {self._key}".encode())
