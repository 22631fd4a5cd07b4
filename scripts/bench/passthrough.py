"""The bare pass-through, hostd's yardstick: passthrough.py PORT UPSTREAM_URL [uvloop].

It is what one writes who needs a relay on aiohttp and no more: end-to-end headers go both ways, the request is read whole, an
answer of known length is passed on whole and any other one piece by piece as it comes, connections to the upstream are
kept alive, a client that leaves takes its request along, an upstream that cannot be reached is a 502. It is no leaner than that (it
could drop all headers) and no slower (no router, no access log, no decompression, cookies or limits: hostd has none of these
on its way either). It looks into nothing: it knows neither JSON nor events.
"""

import asyncio
import sys
from collections.abc import Mapping

import aiohttp
from aiohttp import web

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "host", "content-length", "date", "server"),
    }
)
LARGEST_BODY = 64 * 1024 * 1024


def end_to_end(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the *headers* that concern both ends, and not just this connection."""
    return [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]


def request_of(*message: object) -> web.BaseRequest:
    """Return aiohttp's request; agents send more than the one megabyte that it takes by itself."""
    return web.BaseRequest(*message, asyncio.get_running_loop(), client_max_size=LARGEST_BODY)  # type: ignore[arg-type]


async def main(port: int, upstream: str) -> None:
    """Relay every request until a signal ends the process."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    cookies, patience = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with aiohttp.ClientSession(
        upstream, connector=connector, cookie_jar=cookies, timeout=patience, auto_decompress=False
    ) as session:

        async def pass_on(request: web.BaseRequest) -> web.StreamResponse:
            body, headers = await request.read(), end_to_end(request.headers)
            async with session.request(request.method, request.raw_path, data=body, headers=headers) as answer:
                headers = end_to_end(answer.headers)
                if answer.content_length is not None:
                    return web.Response(body=await answer.read(), status=answer.status, headers=dict(headers))
                response = web.StreamResponse(status=answer.status, headers=dict(headers))
                await response.prepare(request)
                async for data in answer.content.iter_any():
                    await response.write(data)
                await response.write_eof()
                return response

        async def relay(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await pass_on(request)
            except aiohttp.ClientConnectorError as error:
                return web.Response(status=502, text=f"the upstream cannot be reached: {error}")

        server = web.Server(relay, request_factory=request_of, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    loop_factory = None
    if sys.argv[3:] == ["uvloop"]:
        import uvloop

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
