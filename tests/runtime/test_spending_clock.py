"""When a day begins, and what was spent in it before."""

import asyncio
from datetime import UTC, datetime, timedelta

from hostd.runtime.spending_clock import SpendingClock, midnight
from hostd.scheduling.events import SpendingCounted
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_day_begins_with_nothing_spent() -> None:
    """At its start it posts what the records say of today, and at midnight that nothing was spent yet, once."""
    loop = asyncio.get_running_loop()
    began, evening = loop.time(), datetime(2026, 3, 3, 23, 30).astimezone()
    posted: list[SpendingCounted] = []
    asked: list[float] = []

    def spent(since: float) -> dict[str, float]:
        asked.append(since)
        return {"zai": 1.5}

    clock = SpendingClock(spent, posted.append, now=lambda: evening + timedelta(seconds=loop.time() - began))
    await clock.start()
    assert [midnight(evening).timestamp()] == asked
    assert {"zai": 1.5} == posted[0].today
    assert 1790 <= posted[0].resets_in <= 1801
    await asyncio.sleep(1700)
    assert 1 == len(posted)
    await asyncio.sleep(200)
    assert [{"zai": 1.5}, {}] == [dict(each.today) for each in posted]
    await asyncio.sleep(7200)
    assert 2 == len(posted)
    await clock.close()


def test_midnight_is_local() -> None:
    """It is the beginning of the day on the wall's clock."""
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone()
    assert (0, 0, 0) == midnight(noon).timetuple()[3:6]
    assert midnight(noon).date() == noon.date()
