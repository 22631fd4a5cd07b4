"""Requests that are too long for every target of their role."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hostd.domain.context_fit import FitSettings
from hostd.domain.profile import Role
from tests.conftest import OpenDaemon
from tests.stage import Answer, Stage, make_profile, make_settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
ROLES = {
    "agent": Role("agent", ("small",), context=FitSettings()),
    "talker": Role("talker", ("small",), context=FitSettings(summary="writer")),
    "mute": Role("mute", ("small",), context=FitSettings(summary="silent")),
}
LONG: list[dict[str, Any]] = [
    {"role": "user", "content": "first " * 400},
    {"role": "assistant", "content": "then " * 400},
    {"role": "user", "content": "And now?"},
]
STEPS: list[dict[str, Any]] = [
    {"role": "user", "content": "Go"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]},
    {"role": "tool", "tool_call_id": "c", "content": "word " * 1000},
]


@pytest_asyncio.fixture(loop_scope="session")
async def stage(open_daemon: OpenDaemon, weights: Path) -> AsyncIterator[Stage]:
    """A model with a small window that refuses two prompts as too long, and some that may write summaries."""
    profiles = [
        make_profile("small", weights, context=512),
        make_profile("writer", weights, context=4096),
        make_profile("silent", weights, context=4096),
    ]
    async with open_daemon(make_settings(*profiles, roles=ROLES)) as running:
        await running.script("small", too_long=True)
        await running.script("silent", status=500)
        yield running


async def asked(stage: Stage, role: str, messages: list[dict[str, Any]]) -> Answer:
    """Return the answer to *messages*."""
    return await stage.ask(role, messages=messages, max_tokens=3)


@pytest.mark.parametrize(
    ("role", "messages", "tries"),
    [("agent", STEPS, 4), ("talker", LONG, 2), ("mute", LONG, 1), ("agent", LONG, 1)],
)
async def test_one_that_never_fits_is_refused_at_last(
    stage: Stage, role: str, messages: list[dict[str, Any]], tries: int
) -> None:
    """After three that were made shorter, or as soon as nothing can be left out, or nobody sums it up."""
    before = (await stage.seen("small"))["begun"]
    answer = await asked(stage, role, messages)
    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
    assert (await stage.seen("small"))["begun"] - before == tries


async def test_what_is_cut_beside_a_summary_is_counted(stage: Stage) -> None:
    """Nothing is left out without a word: the last step's result was too long for what a summary leaves."""
    await stage.script("small", too_long=None)
    answer = await asked(stage, "talker", [*LONG[:2], {"role": "user", "content": "Read it"}, *STEPS[1:]])
    assert answer.status == 200
    told = dict(each.split("=") for each in answer.headers["x-hostd-context-fit"].split("; "))
    assert int(told["trimmed"]) == 1
    assert int(told["summarised"]) > 0
