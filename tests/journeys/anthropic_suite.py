"""The fixtures of anthropic-sdk-python's own tests, without those that its other tests need further packages for.

A plugin of pytest, named on its command line: `python -m pytest --noconftest -p anthropic_suite`.
"""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest
import pytest_asyncio

ADDRESS = os.environ.get("TEST_API_BASE_URL", "")


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client that validates answers strictly or loosely."""
    strict = getattr(request, "param", True)
    with anthropic.Anthropic(base_url=ADDRESS, api_key="unused", _strict_response_validation=strict) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="function")
async def async_client(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """The same with coroutines, over the client's own transport or aiohttp's."""
    asked = getattr(request, "param", True)
    strict = asked if isinstance(asked, bool) else asked.get("strict", True)
    async with anthropic.AsyncAnthropic(base_url=ADDRESS, api_key="unused", _strict_response_validation=strict) as made:
        yield made
