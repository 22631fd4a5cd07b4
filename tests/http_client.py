"""A client of one server for the time of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hostd.backends.http.client import HttpClient


@asynccontextmanager
async def client() -> AsyncIterator[HttpClient]:
    """Yield a client, and close its connections."""
    made = HttpClient()
    try:
        yield made
    finally:
        made.close()
