"""A connection is used only once it is known to reach the engine."""

import aiohttp
import pytest
from aiohttp import web

from hostd.supervisor.engine_connector import connector


async def test_each_new_connection_is_proved_before_anything_is_sent() -> None:
    """One that is kept needs no second proof; one that fails it carries nothing."""
    heard: list[str] = []
    held, asked = True, 0

    async def answer(request: web.BaseRequest) -> web.Response:
        heard.append(request.path)
        return web.Response()

    def is_held() -> bool:
        nonlocal asked
        asked += 1
        return held

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(connector=connector(held=is_held)) as http:
        for path in ("/1", "/2"):
            async with http.get(url + path) as response:
                await response.read()
        assert (["/1", "/2"], 1) == (heard, asked)
    held = False
    async with aiohttp.ClientSession(connector=connector(held=is_held)) as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(url + "/3")
    await runner.cleanup()
    assert ["/1", "/2"] == heard
