"""What clients of the Responses API ask about responses that are kept."""

import json

from aiohttp import web

from hostd.dialects.openai import stored_responses as stored
from hostd.dialects.openai.dialect import SSE
from hostd.dialects.openai.stored_stream import replayed
from hostd.domain.errors import RequestError
from hostd.gateway.context import RequestContext, Route
from hostd.gateway.responses.keeping import owner_of
from hostd.gateway.responses.store import ResponseStore

_DIGITS = 9


class ResponseHandlers:
    """The routes below ``/v1/responses``; *store* is None where the owner has none."""

    def __init__(self, store: ResponseStore | None) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the routes; the longer paths first, since an id may be anything."""
        return [
            ("GET", "/v1/responses/{name}/input_items", self.input_items),
            ("POST", "/v1/responses/{name}/cancel", self.cancel),
            ("GET", "/v1/responses/{name}", self.show),
            ("DELETE", "/v1/responses/{name}", self.delete),
        ]

    async def show(self, ctx: RequestContext) -> web.Response:
        """Show a response that is kept, with `stream=true` as the events of a stream."""
        response, _ = await self._found(ctx)
        query = ctx.request.query
        if query.get("stream") != "true":
            return web.Response(body=response, content_type="application/json")
        after = query.get("starting_after", "-1")
        if not after.removeprefix("-").isdecimal() or len(after) > _DIGITS:
            raise RequestError(
                "'starting_after' must be the number of an event", code="bad_request", param="starting_after"
            )
        return web.Response(body=replayed(json.loads(response), int(after)), content_type=SSE)

    async def input_items(self, ctx: RequestContext) -> web.Response:
        """Show the input of a response, item by item, the newest first."""
        _, items = await self._found(ctx)
        return web.json_response(stored.page_of(json.loads(items), ctx.request.query))

    async def delete(self, ctx: RequestContext) -> web.Response:
        """Delete a response. What goes on from it loses what was said before."""
        if self._store is None or not await self._store.delete(owner_of(ctx.principal), ctx.name):
            raise self._missing(ctx.name)
        return web.json_response({"id": ctx.name, "object": "response", "deleted": True})

    async def cancel(self, ctx: RequestContext) -> web.Response:
        """Refuse: only what runs in the background can be cancelled so."""
        await self._found(ctx)
        raise RequestError(
            "no response runs in the background here; to cancel one, close its connection", code="bad_request"
        )

    async def _found(self, ctx: RequestContext) -> tuple[bytes, bytes]:
        found = None if self._store is None else await self._store.find(owner_of(ctx.principal), ctx.name)
        if found is None:
            raise self._missing(ctx.name)
        return found

    def _missing(self, response_id: str) -> RequestError:
        what = f"there is no response '{response_id[: stored.LONGEST_ID]}'"
        if self._store is None:
            why = "this host stores none; set 'state.keep' in hostd.yaml"
            return RequestError(f"{what}: {why}", code="not_stored", status=404)
        return RequestError(f"{what}, or not any more", code="not_found", status=404)
