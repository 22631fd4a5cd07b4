"""The route by which events are followed: server-sent events over the same connection that asks for them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from hostd import __version__
from hostd.descriptor_limit import current
from hostd.domain.errors import RequestError
from hostd.gateway import views
from hostd.gateway.context import AdminServices, RequestContext, Route
from hostd.gateway.events.feed import DECISIONS, EVERY, NAMES, PAST, EventFeed, Follower, Place, event
from hostd.gateway.http.connections import bound_for
from hostd.gateway.http.origin_check import shown
from hostd.gateway.last_decisions import last_decisions
from hostd.gateway.query_values import count
from hostd.telemetry.decision_rows import told
from hostd.telemetry.recent_events import MOST

PATH = "/hostd/v1/events"

_MOST_FOLLOWERS = 256
"""A hundred tabs and some programs; each follower holds a connection for as long as it likes, so that few of all may be theirs."""
_LAST = 50
_ALIVE_EVERY = 15.0
"""Seconds after which a stream in which nothing happens says that it is alive, for proxies and for clients with a time limit."""
_UNREAD = 30.0
"""Seconds that a follower may leave what it was sent unread: it has missed more than it could catch up on."""


class EventHandlers:
    """Streams events to those who follow them."""

    def __init__(self, services: AdminServices) -> None:
        self._services = services
        self._feed = EventFeed(services, lambda: min(_MOST_FOLLOWERS, bound_for(current()) // 4))

    def routes(self) -> list[Route]:
        """Return the route."""
        return [("GET", PATH, self.follow)]

    async def follow(self, ctx: RequestContext) -> web.StreamResponse:
        """Follow what happens as server-sent events: the state as it changes, decisions, and requests that are over.

        The state comes in four events, each of which holds its part whole: ``status``, ``models``, ``memory``, ``requests``. New
        entries come in ``decisions`` and ``past``, at first the ``last`` of each. ``only`` names the events to send, with commas.
        A client that sends ``Last-Event-ID`` is told what it has missed, if that is kept.
        """
        only, last = _only(ctx.request.query.get("only")), count(ctx.request.query, "last", _LAST)
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            # nginx would hold events back.
            "X-Accel-Buffering": "no",
        }
        if ctx.request.method == "HEAD":
            return web.Response(headers=headers)
        with self._feed.followed():
            response = web.StreamResponse(headers=ctx.trace.headers() | headers)
            await response.prepare(ctx.request)
            try:
                await self._stream(response, only, ctx.request.headers.get("Last-Event-ID", ""), min(last, MOST))
            except TimeoutError:
                if ctx.request.transport is not None:
                    ctx.request.transport.abort()
        return response

    async def _stream(self, response: web.StreamResponse, only: frozenset[str], known: str, last: int) -> None:
        recent = self._services.recent
        place = Place.to_resume(known, recent)
        first = event("hello", self._hello(resumed=place is not None))
        if place is None:
            # Asked for before anything is waited for: what follows is sent besides.
            place = Place.newest(recent)
            first += await self._last_entries(only, last, place)
        await _write(response, first)
        follower = Follower(self._feed, only, place)
        while not recent.closed:
            if events := follower.take():
                await _write(response, events)
                continue
            try:
                async with asyncio.timeout(_ALIVE_EVERY):
                    await self._feed.changed()
            except TimeoutError:
                await _write(response, b": alive\n\n")
        # How it all ended.
        await self._feed.changed()
        if events := follower.take():
            await _write(response, events)

    def _hello(self, *, resumed: bool) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "version": __version__,
            "now": views.timestamp(now, "milliseconds"),
            "every_ms": round(EVERY * 1000),
            "resumed": resumed,
            "listen": list(self._services.addresses),
        }

    async def _last_entries(self, only: frozenset[str], last: int, place: Place) -> bytes:
        """Return the events of the *last* entries up to *place*, those of earlier runs of the daemon included."""
        made, recent = b"", self._services.recent
        # What has been decided or over since *place* is told as new.
        if DECISIONS in only:
            found = await last_decisions(self._services, last)
            since = [told(*each) for each in recent.decisions.since(place.decisions, recent.decisions.count)[0]]
            made += event(DECISIONS, {DECISIONS: [each for each in found if each not in since], "left_out": 0})
        if PAST in only:
            over = await asyncio.to_thread(self._services.records.recorded, last) if last else []
            new = {(each.at, each.id) for each in recent.requests.since(place.past, recent.requests.count)[0]}
            rows = [views.past_request(each) for each in reversed(over) if (each.at, each.id) not in new]
            made += event(PAST, {PAST: rows, "left_out": 0})
        return made + place.line


async def _write(response: web.StreamResponse, data: bytes) -> None:
    """Send *data*.

    Raises:
        TimeoutError: The follower does not read.
    """
    async with asyncio.timeout(_UNREAD):
        await response.write(data)


def _only(given: str | None) -> frozenset[str]:
    """Return the names of the events that are asked for.

    Raises:
        RequestError: One of them is none.
    """
    if given is None:
        return frozenset(NAMES)
    names = frozenset(name.strip() for name in given.split(","))
    if unknown := names - set(NAMES):
        raise RequestError(
            f"only={shown(given)}: there are no events called {shown(', '.join(sorted(unknown)))}; write some of "
            f"{', '.join(NAMES)}",
            code="bad_request",
            param="only",
        )
    return names
