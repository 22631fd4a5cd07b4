"""The doors know the house: its addresses, and how its clock reads on the calendar."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_knows_the_time(stage: Stage) -> None:
    """A time of the loop's clock is one of the calendar, in UTC."""
    now = stage.house.wall_time(asyncio.get_running_loop().time())
    assert UTC is now.tzinfo
    assert abs((datetime.now(UTC) - now).total_seconds()) < 1


async def test_knows_where_it_listens(stage: Stage) -> None:
    """A port that was left open to the system is known once it is given."""
    (address,) = stage.house.addresses
    assert address.startswith("127.0.0.1:")
    assert not address.endswith(":0")
