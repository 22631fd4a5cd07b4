"""The least that a gateway on aiohttp can do: passthrough.py PORT UPSTREAM_URL. The yardstick for hostd.

As fast as plain aiohttp goes: no router, no access log, one session that keeps its connections, bytes untouched.
"""

import asyncio
import sys

import aiohttp
from aiohttp import web


async def main(port: int, upstream: str) -> None:
    """Relay every request until a signal ends the process."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    cookies, patience = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout()
    async with aiohttp.ClientSession(
        upstream, connector=connector, cookie_jar=cookies, timeout=patience, auto_decompress=False
    ) as session:

        async def relay(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
            async with session.request(request.method, request.raw_path, data=body, headers=headers) as answer:
                kind = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
                if answer.content_length is not None:
                    return web.Response(body=await answer.read(), status=answer.status, headers=kind)
                response = web.StreamResponse(status=answer.status, headers=kind)
                await response.prepare(request)
                async for data in answer.content.iter_any():
                    await response.write(data)
                await response.write_eof()
                return response

        runner = web.ServerRunner(web.Server(relay, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
