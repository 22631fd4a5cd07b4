"""When the head of a stream goes out, and what keeps the stream alive until its answer begins."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.provoked import TOKENS, Provoked, VirtualStage, pair
from tests.stage import CHAT

PATIENT = {"first_token_timeout": 60.0}


@pytest.fixture(scope="module")
def stage() -> Iterator[VirtualStage]:
    """A gateway whose models may be silent for a minute, and one whose may not."""
    virtual = VirtualStage(
        lambda port: [*pair("patient", port, limits=PATIENT), *pair("late", port, limits={"first_token_timeout": 25.0})]
    )
    yield virtual
    virtual.close()


def test_what_others_are_answered_is_no_sign(stage: VirtualStage) -> None:
    """A request to which a provider says nothing moves on in time, however well the provider answers all others."""

    async def ask() -> float:
        provoked = stage.provoked
        provoked.provider.set_script({"models": {"late": [{"hang": True}, {}], "late-other": [{}]}})
        clock = asyncio.get_running_loop().time
        began, silent = clock(), provoked.stage.begin("late", stream=True)
        await asyncio.sleep(0.1)
        while not silent.done() and clock() < began + 100:
            assert 200 == (await provoked.stage.stream("late")).status
            await asyncio.sleep(1)
        assert "data: [DONE]" in (await silent).body.decode()
        return clock() - began

    assert 30 >= stage.run(ask())


async def arrivals(
    provoked: Provoked, model: str, plan: dict[str, Any]
) -> tuple[dict[str, str], list[tuple[float, str]]]:
    """Return the headers of a streamed answer, and its lines with the seconds after which they came; the first is the head's."""
    provoked.provider.script = {"models": {model: [{"tokens": TOKENS} | plan], f"{model}-other": [{}]}}
    clock = asyncio.get_running_loop().time
    began = clock()
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    async with provoked.stage.http.post(provoked.stage.url + CHAT, json=body) as answer:
        lines = [(clock() - began, "")]
        async for line in answer.content:
            lines += [(clock() - began, line.decode().strip())] if line.strip() else []
        return dict(answer.headers), lines


@pytest.mark.parametrize(("delay", "head"), [(3.0, 3.0), (14.0, 14.0), (40.0, 15.0)])
def test_holds_the_head_back(stage: VirtualStage, delay: float, head: float) -> None:
    """Until the first token, or for 15 s; from then on a comment comes each 10 s, whatever the provider has said before."""
    _, lines = stage.run(arrivals(stage.provoked, "patient", {"first_token_delay": delay}))
    assert head == pytest.approx(lines[0][0], abs=0.5)
    comments = [at for at, line in lines if line.startswith(":")]
    assert [at for at in (15.0, 25.0, 35.0) if at < delay] == pytest.approx(comments, abs=0.5)
    assert "data: [DONE]" == lines[-1][1]


def test_who_answers_is_told_after_the_head(stage: VirtualStage) -> None:
    """A head that went out too early names the first target; a comment then says who has answered, and why."""
    headers, lines = stage.run(arrivals(stage.provoked, "late", {"hang": True}))
    assert "late" == headers["x-hostd-model"]
    said = [line for _, line in lines if line.startswith(":")]
    assert ": x-hostd-model=late-other x-hostd-route=fallback:first_token_timeout" == said[-1]
    assert "data: [DONE]" == lines[-1][1]
