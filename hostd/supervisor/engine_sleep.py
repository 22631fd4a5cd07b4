"""Sleep as a cheaper form of eviction, believed only when the memory was seen to shrink.

An engine may report that it sleeps and keep everything: vLLM does so on a processor without a GPU, and then leaves every request
without an answer. So what it holds is measured before and after.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.domain.errors import EngineError
from hostd.domain.ticket import Task
from hostd.domain.units import format_size
from hostd.supervisor.health import health_probe

FALLS_ASLEEP = 60.0
"""Seconds that an engine has to report that it sleeps; level 1 copies its weights to host memory first."""
LETS_GO = 10.0
"""Seconds after which its memory must be seen to be back."""
WAKES_UP = 300.0
"""Seconds that it has to wake; level 2 reads its weights anew."""
AT_LEAST = 1 / 3
"""The share of its memory that must come back; with less, the sleep is feigned."""

_LOOK_EVERY = 0.25
Held = Callable[[], Awaitable[Mapping[str, int]]]


def emptied_pools(held: Mapping[str, int]) -> frozenset[str]:
    """Return the pools that sleep is to empty: the devices, or host memory for an engine that uses no device."""
    return frozenset(pool for pool, size in held.items() if pool != "ram" and size > 0) or frozenset({"ram"})


async def fall_asleep(sleep: Callable[[], Awaitable[None]], held: Held) -> str | None:
    """Put an engine to sleep; return None once its memory was seen to shrink, else a sentence that says why not to trust it."""
    loop = asyncio.get_running_loop()
    full = await held()
    pools = emptied_pools(full)
    before = sum(full.get(pool, 0) for pool in pools)
    try:
        async with asyncio.timeout(FALLS_ASLEEP):
            await sleep()
    except TimeoutError:
        return f"it did not fall asleep within {FALLS_ASLEEP:g} s"
    except EngineError as error:
        return error.message
    deadline = loop.time() + LETS_GO
    while True:
        left = await held()
        after = sum(left.get(pool, 0) for pool in pools)
        if after <= before * (1 - AT_LEAST):
            return None
        if loop.time() >= deadline:
            return f"it says that it sleeps, but still holds {format_size(after)} of {format_size(before)}"
        await asyncio.sleep(_LOOK_EVERY)


async def wake_up(wake: Callable[[], Awaitable[None]], http: HttpClient, endpoint: Endpoint, *, task: Task) -> None:
    """Wake an engine; return once it has generated a token.

    Raises:
        EngineError: It does not.
    """
    try:
        async with asyncio.timeout(WAKES_UP):
            await wake()
            # An engine that reports itself awake may still answer nothing, as vLLM does on a processor.
            said = await health_probe.one_token(http, endpoint, task=task)
    except TimeoutError:
        raise EngineError(f"the engine did not wake within {WAKES_UP:g} s") from None
    if said is not None:
        raise EngineError(f"the engine says that it is awake, but failed a one-token request with {said}")
