"""Tickets of requests."""

import asyncio
from pathlib import Path

import pytest

from hostd.domain.profile import Role
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.domain.ticket import Priority
from tests.conftest import OpenDaemon
from tests.stage import CHAT, make_profile, make_settings, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_two_requests_of_one_id_have_tickets_of_their_own(open_daemon: OpenDaemon, weights: Path) -> None:
    """The scheduler must not take them for one; the lower class of key, header and role counts."""
    rule = RouteRule(("beta",), Condition(words=("beta",)))
    roles = {"auto": Role("auto", ("alpha", "beta"), priority=Priority.BATCH, route=(rule,))}
    profiles = [make_profile(name, weights, slots=4) for name in ("alpha", "beta")]
    async with open_daemon(make_settings(*profiles, roles=roles)) as stage:
        body = {"model": "auto", "messages": [{"role": "user", "content": "to beta"}]}
        await stage.script("beta", hang=True)
        headers = {"X-Request-Id": "same"}
        asking = [asyncio.create_task(stage.send("POST", CHAT, json=body, headers=headers)) for _ in range(2)]
        await until(lambda: len(stage.model_state("beta").serving) == 2)
        tickets = [each.ticket for each in stage.model_state("beta").serving.values()]
        assert len({ticket.id for ticket in tickets}) == 2
        assert {ticket.priority for ticket in tickets} == {Priority.BATCH}
        for each in asking:
            each.cancel()
