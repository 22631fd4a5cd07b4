"""One question, one answer, whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.openai.capability_verdicts import EngineRefusal, Reply
from hostd.domain.profile import Price, Settings
from hostd.gateway.probing import exchange
from hostd.gateway.probing.exchange import EngineLostError
from tests.engines.scripted_cloud import Provider
from tests.faults.provoked import QUICK, pair
from tests.stage import Stage, opened
from tests.virtual_time import in_virtual_time

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 99}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@asynccontextmanager
async def staged(**more: Any) -> AsyncIterator[tuple[Stage, Provider]]:
    """Serve a model of a provider within this process."""
    provider = Provider()
    profiles = {each.name: each for each in pair("m", await provider.listen(), alone=True, **more)}
    try:
        async with opened(Settings(listen=("127.0.0.1:0",), profiles=profiles)) as stage:
            yield stage, provider
    finally:
        provider.server.close()


async def asked(stage: Stage, **more: object) -> Reply:
    """Ask the model."""
    return await exchange.ask(stage.app.for_inference(), stage.instance("m"), Dialect.OPENAI_CHAT, BODY | more)


@in_virtual_time
async def test_the_answer_is_a_document() -> None:
    """As any client would get it, calls included; nobody counts it as a request."""
    async with staged() as (stage, provider):
        measured: list[str] = []
        stage.instance("m").rested = lambda: measured.append("m")  # type: ignore[method-assign]  # what measures memory
        reply = await asked(stage)
        assert isinstance(reply, dict)
        assert "The sky is blue." == reply["choices"][0]["message"]["content"]
        provider.set_script({"tokens": 0, "tool": '{"a": 1}'})
        reply = await asked(stage, tools=TOOLS)
        assert isinstance(reply, dict)
        assert "look" == reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"]
        assert ([], 0) == (measured, stage.instance("m").in_flight)
        assert "m" not in {labels.get("model") for labels in answered_by(stage)}


def answered_by(stage: Stage) -> list[dict[str, str]]:
    """Return the labels of the requests that were counted."""
    return [{"model": each.model} for each in stage.app.dispatcher.requests()]


REFUSALS: dict[str, tuple[dict[str, Any], bool]] = {
    "a mistake of the request": ({"status": 400, "body": {"error": {"message": "no pictures here"}}}, True),
    "the engine's own trouble": ({"status": 500, "body": {"error": {"message": "no pictures here"}}}, False),
    "too much to do": ({"status": 429, "body": {"error": {"message": "no pictures here"}}}, False),
    "tools that it has no template for": (
        {"status": 500, "body": {"error": {"message": "tools param requires --jinja flag; no pictures here"}}},
        True,
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_errors_are_answers(kind: str) -> None:
    """What an engine cannot do is told from what it cannot do now."""
    script, final = REFUSALS[kind]

    @in_virtual_time
    async def ask() -> None:
        async with staged() as (stage, provider):
            provider.set_script(script)
            reply = await asked(stage, tools=TOOLS)
            assert isinstance(reply, EngineRefusal)
            assert (final, True) == (reply.final, "no pictures here" in reply.message)

    ask()


@in_virtual_time
async def test_silence_is_no_proof() -> None:
    """An engine that answers nothing in time may be busy."""
    async with staged() as (stage, provider):
        provider.set_script({"hang": True})
        began = asyncio.get_running_loop().time()
        reply = await asked(stage)
        assert isinstance(reply, EngineRefusal)
        assert not reply.final
        assert asyncio.get_running_loop().time() - began < 3 * QUICK["first_token_timeout"]


@in_virtual_time
async def test_a_lost_engine_is_no_answer() -> None:
    """Whether it had been asked is told apart: only then may the question be the cause."""
    async with staged() as (stage, provider):
        provider.set_script({"reset": True})
        with pytest.raises(EngineLostError) as lost:
            await asked(stage)
        assert lost.value.in_answer
        await stage.app.dispatcher.unload("m")
        with pytest.raises(EngineLostError) as lost:
            await asked(stage)
        assert not lost.value.in_answer


@in_virtual_time
async def test_a_provider_is_paid() -> None:
    """By a ticket that holds a slot while it lasts, and is charged; a cap that is reached refuses it."""
    async with staged(price=Price(input=1000.0, output=1000.0)) as (stage, provider):
        services, upstream = stage.app.for_inference(), stage.instance("m")
        provider.set_script({"first_token_delay": 3.0})
        task = asyncio.create_task(exchange.ask_provider(services, upstream, Dialect.OPENAI_CHAT, BODY))
        await asyncio.sleep(1.0)
        (shown,) = stage.app.dispatcher.requests()
        assert ("hostd probe", "BATCH") == (shown.client, shown.priority.name)
        assert isinstance(await task, dict)
        spent = {each.provider: each.today for each in stage.app.dispatcher.spending()}
        assert spent["m"] > 1.0
        provider.set_script({"status": 500})
        assert isinstance(await exchange.ask_provider(services, upstream, Dialect.OPENAI_CHAT, BODY), EngineRefusal)
        assert not stage.app.dispatcher.requests()
