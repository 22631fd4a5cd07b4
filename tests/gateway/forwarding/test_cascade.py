"""Answers that are held back until they have passed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hostd.domain.cascade import CascadeSettings
from hostd.domain.profile import Role
from tests.conftest import OpenDaemon
from tests.stage import CHAT, Stage, make_profile, make_settings, until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
ROLES = {
    "auto": Role("auto", ("small", "medium", "large"), cascade=CascadeSettings()),
    "once": Role("once", ("small", "medium", "large"), cascade=CascadeSettings(max_steps=1)),
}
NOTHING = {"tokens": 0}


@pytest_asyncio.fixture(loop_scope="session")
async def stage(open_daemon: OpenDaemon, weights: Path) -> AsyncIterator[Stage]:
    """Three models, of which the first two say nothing."""
    profiles = [make_profile("small", weights, NOTHING), make_profile("medium", weights, NOTHING)]
    full = {"max_concurrent": 1, "max_queue": 0}
    settings = make_settings(*profiles, make_profile("large", weights, limits=full), roles=ROLES)
    async with open_daemon(settings) as running:
        yield running


async def asked(stage: Stage) -> dict[str, int]:
    """Return how often each model was asked."""
    return {name: (await stage.seen(name))["begun"] for name in ("small", "medium", "large")}


@pytest.mark.parametrize("stream", [False, True])
async def test_one_after_the_other(stage: Stage, stream: bool) -> None:
    """Until one says something; each was asked once, in the end for a stream where the client wants one."""
    before = await asked(stage)
    answer = await stage.ask("auto", stream=stream, max_tokens=3)
    assert (answer.status, answer.route) == (200, ("large", "fallback:check_failed"))
    assert answer.headers["x-hostd-cascade"] == "small=refusal, medium=refusal"
    assert answer.headers["x-hostd-attempts"] == "3"
    assert await asked(stage) == {name: count + 1 for name, count in before.items()}


async def test_no_more_steps_than_allowed(stage: Stage) -> None:
    """The last one's answer is given as it is."""
    before = await asked(stage)
    answer = await stage.ask("once", max_tokens=3)
    assert (answer.status, answer.route[0], answer.headers["x-hostd-cascade"]) == (200, "medium", "small=refusal")
    assert (await asked(stage))["large"] == before["large"]


async def test_the_last_held_answer_is_given_where_no_other_is_to_be_had(stage: Stage) -> None:
    """The dearest model is busy, and nobody may wait for it."""
    await stage.script("large", hang=True)
    busy = stage.begin("large")
    await until(lambda: stage.model_state("large").serving)
    answer = await stage.ask("auto", max_tokens=3)
    assert (answer.status, *answer.route) == (200, "medium", "fallback:check_failed")
    assert answer.headers["x-hostd-cascade"] == "small=refusal, medium=refusal"
    busy.cancel()


async def test_what_is_no_chat_is_not_checked(stage: Stage) -> None:
    """Nor are several answers to one request."""
    assert "x-hostd-cascade" not in (await stage.ask("auto", n=2, max_tokens=3)).headers
    assert (await stage.send("POST", "/v1/completions", json={"model": "auto", "prompt": "x"})).route[0] == "small"


async def test_a_client_that_leaves_a_held_answer_frees_its_engine(stage: Stage) -> None:
    """As it would any other's."""
    before = await asked(stage)
    await stage.script("small", tokens=1000, token_delay=0.02)
    asking = asyncio.create_task(
        stage.send("POST", CHAT, json={"model": "auto", "messages": [{"role": "user", "content": "x"}]})
    )
    await until(lambda: stage.model_state("small").serving)
    asking.cancel()
    await until(lambda: not stage.model_state("small").serving)
    assert (await asked(stage))["medium"] == before["medium"]
