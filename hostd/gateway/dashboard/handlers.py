"""The routes of the page: the page itself, its files, and a plan for a model as its planner asks for it.

The files hold nothing of the daemon's state, so that they are sent without a key; what they show they ask for with a key, where the
daemon wants one.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from hostd.domain.errors import RequestError
from hostd.gateway.context import RequestContext, Route
from hostd.gateway.dashboard.page_files import INDEX, PageFile, page_files
from hostd.gateway.http.origin_check import shown

GREETING = "hostd is running\n"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""What the page may do: load its own files and ask its own server. https://www.w3.org/TR/CSP3/."""
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A new version of the daemon has new files under the old names: browsers ask whether theirs are still right.
    "Cache-Control": "private, no-cache",
}


class DashboardHandlers:
    """Serves the page."""

    def __init__(self) -> None:
        self._read: Mapping[str, PageFile] | None = None

    def routes(self) -> list[Route]:
        """Return the routes; that of the bare address serves those who only try whether something is there, too."""
        return [("GET", "/", self.page), ("GET", "/dashboard/{name}", self.file)]

    async def page(self, ctx: RequestContext) -> web.Response:
        """Show the dashboard to browsers, and say what answers here to programs."""
        request = ctx.request
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(text=GREETING)
        if not request.path.endswith("/"):
            # Below a prefix without a slash the page's own files would be looked for beside it.
            return web.Response(status=307, headers={"Location": f"{request.path.rpartition('/')[2]}/"})
        return _answer((await self._files())[INDEX], request.headers)

    async def file(self, ctx: RequestContext) -> web.Response:
        """Show a file of the dashboard."""
        found = (await self._files()).get(ctx.name)
        if found is None:
            raise RequestError(
                f"the dashboard has no file '{shown(ctx.name)}'; load it anew", code="no_such_route", status=404
            )
        return _answer(found, ctx.request.headers)

    async def _files(self) -> Mapping[str, PageFile]:
        if self._read is None:
            self._read = await asyncio.to_thread(page_files)
        return self._read


def _answer(file: PageFile, headers: Mapping[str, str]) -> web.Response:
    sent = _HEADERS | {"Content-Type": file.content_type, "ETag": file.etag}
    if file.etag in headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=sent)
    if "gzip" in headers.get("Accept-Encoding", ""):
        return web.Response(body=file.packed, headers=sent | {"Content-Encoding": "gzip"})
    return web.Response(body=file.body, headers=sent)
