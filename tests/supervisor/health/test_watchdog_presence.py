"""A server that ended is noticed, a short interruption is not."""

import asyncio
from dataclasses import dataclass, field

from hostd.supervisor.health.watchdog import HealthMonitor, ProbeTimings
from tests.virtual_time import in_virtual_time

PACE = ProbeTimings(interval=15.0, patience=10.0)


@dataclass
class Page:
    """A health page that answers except in the seconds between *gone* and *back*."""

    gone: float = 1e9
    back: float = 1e9
    hanging: bool = False
    asked: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = asyncio.get_running_loop().time()

    @property
    def clock(self) -> float:
        """Seconds since it began."""
        return round(asyncio.get_running_loop().time() - self.began, 3)

    async def healthy(self) -> bool:
        """Say whether it is well, or nothing."""
        self.asked.append(self.clock)
        well = not self.gone <= self.clock < self.back
        if not well and self.hanging:
            await asyncio.Event().wait()
        return well


@in_virtual_time
async def test_a_server_that_ended_is_noticed() -> None:
    """At the first look after it went, and the patience after that."""
    page = Page(gone=20.0)
    said = await HealthMonitor(page.healthy, PACE).wedged()
    assert (40.0, [15.0, 30.0, 31.0]) == (page.clock, page.asked[:3])
    assert said.startswith("the server has gone away: its health page has not answered for 10 s")


@in_virtual_time
async def test_a_server_that_answers_nothing_counts_as_ended() -> None:
    """Silence is as good as a refusal."""
    page = Page(gone=20.0, hanging=True)
    await HealthMonitor(page.healthy, PACE).wedged()
    assert 40.0 == page.clock


@in_virtual_time
async def test_a_server_that_comes_back_in_time_stays() -> None:
    """A restart of a few seconds is not reported."""
    page = Page(gone=14.0, back=20.0)
    watching = asyncio.create_task(HealthMonitor(page.healthy, PACE).wedged())
    await asyncio.sleep(100)
    assert not watching.done()
    watching.cancel()


@in_virtual_time
async def test_traffic_is_proof_enough() -> None:
    """As long as requests are answered, its health is not asked for."""
    page = Page()
    presence = HealthMonitor(page.healthy, PACE)
    watching = asyncio.create_task(presence.wedged())
    for _ in range(10):
        await asyncio.sleep(10)
        presence.progress()
    assert [] == page.asked
    watching.cancel()


@in_virtual_time
async def test_a_suspicion_is_followed_up() -> None:
    """A request that failed there is reason to look now."""
    page = Page(gone=1.0)
    presence = HealthMonitor(page.healthy, PACE)
    asyncio.get_running_loop().call_later(2.0, presence.suspect)
    await presence.wedged()
    assert (2.0, 12.0) == (page.asked[0], page.clock)
