"""A machine that has slept is found by its clocks, once for each sleep."""

import asyncio
import sys

import pytest

from hostd.runtime.sleep_clock import SleepClock, seconds_slept
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_tells_of_each_sleep() -> None:
    """With its length; clocks that drift apart by a moment are no sleep, nor is what was slept before."""
    told, slept = list[float](), [500.0]
    clock = SleepClock(told.append, lambda: slept[0])
    looking = asyncio.create_task(clock.run())
    await asyncio.sleep(10.0)
    slept[0] += 0.2
    await asyncio.sleep(10.0)
    assert [] == told
    slept[0] += 3600.0
    await asyncio.sleep(10.0)
    slept[0] += 60.0
    await asyncio.sleep(2.0)
    looking.cancel()
    assert [3600.0, 60.0] == pytest.approx(told)


@pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="other systems do not tell")
def test_this_machine_tells() -> None:
    """The two clocks are there, and do not run apart while it is awake."""
    before = seconds_slept()
    assert before >= -0.01
    assert abs(seconds_slept() - before) < 1.0
