"""An attempt ends when it takes too long, and says which of its limits it was."""

import asyncio

import pytest

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason
from hostd.gateway.timeouts import AttemptTimeout, TimeoutMonitor
from tests.virtual_time import in_virtual_time

LIMITS = Limits(first_token_timeout=30.0, stall_timeout=45.0)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_waits_so_long_for_a_first_token() -> None:
    """Without any progress it is over after first_token_timeout."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0), now()
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert (30.0, FallbackReason.FIRST_TOKEN_TIMEOUT) == (now() - began, timeout.reason)


@in_virtual_time
async def test_waits_so_long_between_tokens() -> None:
    """After the last progress it is over once stall_timeout has passed, to the second."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0), now()

    async def attempt() -> None:
        for _ in range(10):
            await asyncio.sleep(29)
            timeout.progress(now())
        await asyncio.sleep(1000)

    with pytest.raises(TimeoutError), timeout:
        await attempt()
    assert (335.0, FallbackReason.STALL) == (now() - began, timeout.reason)


@pytest.mark.parametrize("progress", [True, False])
@in_virtual_time
async def test_keeps_to_the_whole_time(progress: bool) -> None:
    """When the ticket's time is up there is no reason: no other target would have any more of it."""
    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 20.0), now()
    if progress:
        timeout.progress(now())
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert (20.0, None) == (now() - began, timeout.reason)


@in_virtual_time
async def test_asks_whether_the_engine_writes() -> None:
    """An answer in one piece is waited for while the engine says that it writes, and no longer."""
    asked: list[float] = []
    began = now()

    async def generating() -> bool:
        asked.append(now() - began)
        return len(asked) < 3

    timeout = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0, generating)
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert [30.0, 75.0, 120.0] == asked
    assert FallbackReason.FIRST_TOKEN_TIMEOUT is timeout.reason


@in_virtual_time
async def test_keeps_to_the_whole_time_while_it_asks() -> None:
    """The question whether the engine writes must not make the request late."""

    async def generating() -> bool:
        await asyncio.sleep(10)
        return True

    timeout, began = AttemptTimeout(TimeoutMonitor(), LIMITS, 35.0, generating), now()
    with pytest.raises(TimeoutError), timeout:
        await asyncio.sleep(1000)
    assert (35.0, None) == (now() - began, timeout.reason)


@in_virtual_time
async def test_lets_a_timely_answer_be() -> None:
    """What is done in time is not disturbed, and nothing rings afterwards."""
    timeout = AttemptTimeout(TimeoutMonitor(), LIMITS, 600.0)
    with timeout:
        await asyncio.sleep(29)
    await asyncio.sleep(1000)
    assert timeout.reason is None
