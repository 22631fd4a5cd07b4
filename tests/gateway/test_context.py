"""The parts of a daemon: its addresses, its clock, and what each family of handlers is given of them."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_knows_the_time(stage: Stage) -> None:
    """A time of the loop's clock is one of the calendar, in UTC."""
    now = stage.app.wall_time(asyncio.get_running_loop().time())
    assert UTC is now.tzinfo
    assert abs((datetime.now(UTC) - now).total_seconds()) < 1


async def test_knows_where_it_listens(stage: Stage) -> None:
    """A port that was left open to the system is known once it is given."""
    (address,) = stage.app.addresses
    assert address.startswith("127.0.0.1:")
    assert not address.endswith(":0")


async def test_each_family_is_given_its_parts(stage: Stage) -> None:
    """The same parts, and no more than it needs."""
    app = stage.app
    inference, admin, health = app.for_inference(), app.for_admin(), app.for_health()
    assert app.dispatcher is inference.dispatcher is admin.dispatcher is health.dispatcher
    assert app.wall_time(app.started) == inference.started
    assert app.addresses is admin.addresses
    assert not hasattr(inference, "memory")
