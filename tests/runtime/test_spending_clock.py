"""When a day begins, and what was spent in it before."""

import asyncio
from datetime import UTC, datetime, timedelta

from hostd.domain.budget import Account, Amounts, CountedUse, Owner
from hostd.runtime.spending_clock import SpendingClock, midnight
from hostd.scheduling.events import DayBegan, SpendingCounted
from tests.virtual_time import in_virtual_time

ZAI, ALICE = Account(Owner.PROVIDER, "zai"), Account(Owner.KEY, "alice")


class Records:
    """Records of one provider and one key."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def used(self, day: float, month: float) -> dict[Account, CountedUse]:
        """Return a dollar and a half of today and twice that of the month."""
        self.asked += [day, month]
        return {ZAI: CountedUse(Amounts(usd=1.5), Amounts(usd=3.0))}

    def used_lately(self, since: float) -> list[tuple[Account, float, Amounts]]:
        """Return one request of ten seconds ago."""
        return [(ALICE, since + 50.0, Amounts(1.0))]


@in_virtual_time
async def test_days_and_months_begin_with_nothing_used_up() -> None:
    """At its start it posts what the records say, and at each midnight that a day begins, and whether a month does, once."""
    loop = asyncio.get_running_loop()
    began, evening = loop.time(), datetime(2026, 2, 27, 23, 30).astimezone()
    posted: list[SpendingCounted | DayBegan] = []
    records = Records()
    clock = SpendingClock(records, posted.append, now=lambda: evening + timedelta(seconds=loop.time() - began))
    await clock.start()
    assert [midnight(evening).timestamp(), datetime(2026, 2, 1).astimezone().timestamp()] == records.asked
    (counted,) = posted
    assert isinstance(counted, SpendingCounted)
    assert {ZAI: CountedUse(Amounts(usd=1.5), Amounts(usd=3.0))} == counted.used
    assert ((ALICE, 10.0, Amounts(1.0)),) == counted.recent
    assert 1790 <= counted.day_ends_in <= 1801
    assert 86_400 + 1790 <= counted.month_ends_in <= 86_400 + 1801
    await asyncio.sleep(1700)
    assert 1 == len(posted)
    await asyncio.sleep(200)
    assert [False] == [each.is_month for each in posted[1:] if isinstance(each, DayBegan)]
    await asyncio.sleep(7200)
    assert 2 == len(posted)
    await asyncio.sleep(86_400)
    assert [False, True] == [each.is_month for each in posted[1:] if isinstance(each, DayBegan)]
    await clock.close()


def test_midnight_is_local() -> None:
    """It is the beginning of the day on the wall's clock."""
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone()
    assert (0, 0, 0) == midnight(noon).timetuple()[3:6]
    assert midnight(noon).date() == noon.date()
