"""The guard in front of vLLM's routes."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from hostd.backends.launchers.vllm_guard import ApiKeyGuard, Receive, Scope, Send

Message = MutableMapping[str, Any]


async def nothing() -> Message:
    """Receive nothing."""
    return {}


async def seen(key: str, **scope: Any) -> list[Any]:
    """Return what is sent where the guard knows *key*; the word ``passed`` where the request passes."""
    sent: list[Any] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        sent.append("passed")

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_API_KEY", key)
        await ApiKeyGuard(app)(scope, nothing, send)
    return sent


def keyed(value: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request with a key."""
    return [(b"host", b"x"), (b"authorization", value)]


async def test_the_key_of_this_launch_opens_every_route() -> None:
    """And the server's own start and end need none."""
    assert ["passed"] == await seen("k", type="http", path="/sleep", headers=keyed(b"Bearer k"))
    assert ["passed"] == await seen("k", type="lifespan")


@pytest.mark.parametrize("headers", [[], keyed(b"Bearer x"), keyed(b"k"), keyed(b"Bearer \xff")])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_nothing_else_does(headers: list[tuple[bytes, bytes]], method: str) -> None:
    """Not even to list what is allowed, and not where the launch has no key."""
    for key in ("k", ""):
        start, body = await seen(key, type="http", path="/health", headers=headers, method=method)
        assert (401, True) == (start["status"], b"invalid_api_key" in body["body"])


async def test_a_websocket_is_closed() -> None:
    """It knows no status."""
    assert [{"type": "websocket.close", "code": 1008}] == await seen("k", type="websocket", headers=[])
