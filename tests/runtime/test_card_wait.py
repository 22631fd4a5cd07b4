"""A boot waits for a driver that is not up yet, for as long as the owner says, and tells of it."""

import asyncio

import structlog

from hostd.runtime.card_wait import CardWait
from hostd.scheduling.events import MemoryMeasured
from tests.virtual_time import in_virtual_time

WHY = "the driver is installed but not loaded"


class Driver:
    """One that is up after so many measurements."""

    def __init__(self, up_after: int) -> None:
        self.up_after = up_after
        self.measured = 0

    async def measure(self) -> MemoryMeasured:
        """Measure."""
        self.measured += 1
        return MemoryMeasured(())

    def awaited(self) -> tuple[str, ...]:
        """Say what is waited for."""
        return (WHY,) if self.measured <= self.up_after else ()


async def waited(driver: Driver, patience: float) -> tuple[float, list[str]]:
    """Return for how long the boot waited, and what it told."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with structlog.testing.capture_logs() as logs:
        assert MemoryMeasured(()) == await CardWait(driver.measure, driver.awaited, patience).run()
    return loop.time() - began, [each["event"] for each in logs]


@in_virtual_time
async def test_waits_until_the_driver_is_up() -> None:
    """No longer than that."""
    assert (3.0, ["waiting_for_cards", "cards_found"]) == await waited(Driver(3), 30.0)


@in_virtual_time
async def test_does_not_wait_for_ever() -> None:
    """The boot goes on without the card, which is said."""
    assert (2.5, ["waiting_for_cards", "cards_missing"]) == await waited(Driver(99), 2.5)


@in_virtual_time
async def test_waits_for_nothing_that_is_there() -> None:
    """A machine whose cards answer, or that has none, is measured once; nor is anything waited for that is not to be."""
    there = Driver(0)
    assert ((0.0, []), 1) == (await waited(there, 30.0), there.measured)
    assert (0.0, ["cards_missing"]) == await waited(Driver(99), 0.0)
