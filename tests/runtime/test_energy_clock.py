"""What cards took is written down each minute."""

import asyncio

from hostd.runtime.energy_clock import EVERY, EnergyClock
from hostd.telemetry.sinks import EnergyRecord
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_reading_a_minute() -> None:
    """The first one has nothing to compare with; what is not known is not written down."""
    kept: list[EnergyRecord] = []
    left = iter([None, 60.0, None, 30.0])
    clock = EnergyClock(lambda: next(left, None), kept.append)
    clock.start()
    await asyncio.sleep(4.5 * EVERY)
    await clock.close()
    assert [(each.joules, round(each.seconds)) for each in kept] == [(60.0, 60), (30.0, 60)]


@in_virtual_time
async def test_one_that_never_began_ends() -> None:
    """A boot may fail before."""
    await EnergyClock(lambda: None, lambda _: None).close()
