"""A client of the events of a daemon under test."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.stage import Stage

PATH = "/hostd/v1/events"


class EventStream:
    """Reads events one by one; *id* is the last one that was set, *comments* are those that came."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.id = ""
        self.comments: list[str] = []

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next event: its name, and its data."""
        name = ""
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).decode().rstrip("\n"):
                name = self._take(line) or name
                if line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
            return await self.next() if not self.response.content.at_eof() else ("", {})

    def _take(self, line: str) -> str:
        field, _, value = line.partition(": ")
        if field == "id":
            self.id = value
        if line.startswith(":"):
            self.comments.append(line)
        return value if field == "event" else ""

    async def until(self, name: str, holds: Callable[[dict[str, Any]], object] = lambda _: True) -> dict[str, Any]:
        """Return the data of the next event called *name* of which *holds* is true."""
        while True:
            found, data = await self.next()
            assert found, "the stream has ended"
            if found == name and holds(data):
                return data


@asynccontextmanager
async def following(stage: Stage, query: str = "", **headers: str) -> AsyncIterator[EventStream]:
    """Follow the events of *stage*."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with stage.http.get(stage.url + PATH + query, headers=sent) as response:
        assert response.status == 200
        yield EventStream(response)
