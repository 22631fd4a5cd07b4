"""The first of several contenders decides; the others are cancelled and waited for."""

import asyncio

import pytest

from hostd.supervisor.health.readiness import first_completed
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_the_first_wins_and_the_others_are_cleaned_up() -> None:
    """What is cancelled has finished its clean-up when the race returns."""
    cleaned = []

    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            cleaned.append("slow")

    assert ("quick", 7) == await first_completed(slow=slow(), quick=asyncio.sleep(1, 7))
    assert ["slow"] == cleaned


@in_virtual_time
async def test_of_two_at_once_the_one_named_first_wins() -> None:
    """The order of the names is the order of importance."""
    assert ("exited", 1) == await first_completed(exited=asyncio.sleep(0, 1), stopped=asyncio.sleep(0, 2))


@in_virtual_time
async def test_raises_what_the_winner_raises() -> None:
    """A failure is a result."""

    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await first_completed(fail=fail(), other=asyncio.sleep(100))


@in_virtual_time
async def test_cancelling_the_race_cancels_all() -> None:
    """No contender runs on after the waiting task was cancelled."""
    cancelled = asyncio.Event()

    async def runner() -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    racing = asyncio.create_task(first_completed(runner=runner()))
    await asyncio.sleep(1)
    racing.cancel()
    await asyncio.gather(racing, return_exceptions=True)
    assert cancelled.is_set()
