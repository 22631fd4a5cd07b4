"""A stream that waits is kept alive, says what it waits for, and tells of a failure where a status no longer can."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hostd.domain.server_settings import KeepAliveForm, ServerSettings
from tests.conftest import OpenDaemon
from tests.stage import Answer, Stage, make_profile, make_settings, until

pytestmark = pytest.mark.slow


@pytest.fixture
async def talkative(open_daemon: OpenDaemon, weights: Path) -> AsyncIterator[Stage]:
    """A daemon that sends a keep-alive every 20 ms."""
    limits = {"first_token_timeout": 0.4, "queue_timeout": 0.4, "max_queue": 1}
    settings = make_settings(
        make_profile("quick", weights, to=("other",), slots=1, limits=limits),
        make_profile("lone", weights, slots=1, limits=limits),
        make_profile("other", weights),
    )
    async with open_daemon(settings, keep_alive_every=0.02) as stage:
        yield stage


def beginning(stage: Stage) -> "asyncio.Task[Answer]":
    """Ask for a stream that takes the one place of 'lone'."""
    return stage.begin("lone", stream=True)


async def test_comments_while_it_waits_for_a_place(talkative: Stage) -> None:
    """The head goes out, comments name the place in the queue, and in the end it says who answered."""
    await talkative.script("lone", tokens=2, token_delay=0.3)
    first = beginning(talkative)
    await until(lambda: talkative.model_state("lone").serving)
    answer = await talkative.stream("lone")
    assert "waiting for lone (ready), position 1" in answer.comments
    assert ("none", "none") == answer.route
    assert "x-hostd-model=lone x-hostd-route=primary" in answer.comments
    assert ("w0 w1 ", "[DONE]") == (answer.text, answer.events[-1])
    assert 200 == (await first).status


async def test_tells_of_a_fallback_after_the_head(talkative: Stage) -> None:
    """Headers that have gone out cannot be changed; a comment before the answer has the truth."""
    await talkative.script("quick", hang=True)
    answer = await talkative.stream("quick")
    assert ("quick", "primary") == answer.route
    assert "quick is reading the request" in answer.comments
    assert "x-hostd-model=other x-hostd-route=fallback:first_token_timeout" == answer.comments[-1]
    assert "[DONE]" == answer.events[-1]
    assert b"\n: x-hostd-model" in answer.body


@pytest.mark.slow
async def test_comments_tell_how_much_of_the_prompt_was_read(talkative: Stage) -> None:
    """In tokens and percent."""
    await talkative.script("lone", prompt_batches=2, batch_delay=0.2, tokens=1)
    answer = await talkative.stream("lone")
    assert "lone is reading the request: 100 of 200 tokens (50 %)" in answer.comments
    assert ("w0 ", "[DONE]") == (answer.text, answer.events[-1])


@pytest.mark.slow
async def test_tells_of_a_refusal_after_the_head(talkative: Stage) -> None:
    """A refusal is then the last event of the stream, and no [DONE] follows."""
    await talkative.script("lone", stall_after=1)
    beginning(talkative)
    await until(lambda: talkative.model_state("lone").serving)
    answer = await talkative.stream("lone")
    assert (200, 1) == (answer.status, len(answer.events))
    assert "queue_timeout" == answer.error["code"]
    assert answer.comments


async def test_comments_while_the_model_loads(talkative: Stage) -> None:
    """Waiting for a load shows in the comments, and in the times of the answer that waited."""
    await talkative.app.dispatcher.unload("other")
    answer = await talkative.stream("other")
    assert any("waiting for other (loading), position 1" == comment for comment in answer.comments)
    assert "[DONE]" == answer.events[-1]


@pytest.mark.slow
async def test_is_silent_once_the_answer_has_begun(talkative: Stage) -> None:
    """Nothing of ours stands between the engine's events."""
    await talkative.script("other", tokens=4, token_delay=0.05)
    answer = await talkative.stream("other")
    assert "w0 w1 w2 w3 " == answer.text
    after = answer.body[answer.body.index(b"w0 ") :]
    assert b"\n:" not in after


@pytest.mark.slow
async def test_leaves_no_timer_behind(talkative: Stage) -> None:
    """A client that goes away in the middle of comments takes everything with it."""
    await talkative.script("lone", hang=True)
    task = beginning(talkative)
    await until(lambda: talkative.model_state("lone").serving)
    task.cancel()
    await until(lambda: not talkative.model_state("lone").serving, 1.0)
    await talkative.script("lone", hang=None)
    assert 200 == (await talkative.ask("lone")).status


@pytest.mark.slow
@pytest.mark.parametrize("form", list(KeepAliveForm))
async def test_keeps_alive_as_the_owner_says(open_daemon: OpenDaemon, weights: Path, form: KeepAliveForm) -> None:
    """By comments, by chunks without choices, or not at all; the answer is the same."""
    settings = make_settings(make_profile("alpha", weights), server=ServerSettings(keep_alive=form))
    async with open_daemon(settings, keep_alive_every=0.02) as stage:
        await stage.script("alpha", tokens=2, first_token_delay=0.3)
        answer = await stage.stream("alpha")
    empty = [event for event in answer.events if event.startswith("{") and json.loads(event)["choices"] == []]
    assert (form is KeepAliveForm.COMMENT) == bool(answer.comments)
    assert (form is KeepAliveForm.EVENT) == bool(empty)
    assert ("w0 w1 ", "[DONE]") == (answer.text, answer.events[-1])


@pytest.mark.slow
async def test_no_empty_line_follows_a_comment(talkative: Stage) -> None:
    """Some readers take it for the end of an event, and hand on one without data."""
    await talkative.script("other", tokens=2, first_token_delay=0.3)
    answer = await talkative.stream("other")
    assert answer.comments
    blocks = answer.body.decode().rstrip("\n").split("\n\n")
    assert all(any(line.startswith("data: ") for line in block.split("\n")) for block in blocks)


async def test_lines_without_content_while_a_client_of_ollama_waits(talkative: Stage) -> None:
    """Its readers take each line for JSON, and know neither comments nor empty lines."""
    await talkative.script("lone", tokens=2, token_delay=0.3)
    first = beginning(talkative)
    await until(lambda: talkative.model_state("lone").serving)
    asked = {"model": "lone", "messages": [{"role": "user", "content": "hello"}]}
    answer = await talkative.send("POST", "/api/chat", json=asked)
    lines = [json.loads(line) for line in answer.body.split(b"\n")[:-1]]
    assert len(lines) > 4
    assert ("w0 w1 ", [True]) == (
        "".join(line["message"]["content"] for line in lines),
        [line["done"] for line in lines if line["done"]],
    )
    await first


async def test_a_response_that_breaks_off_goes_on_counting(talkative: Stage) -> None:
    """The events that tell of the failure are numbered after those that came, and the half answer is in the last one."""
    await talkative.script("other", cut_after=2)
    answer = await talkative.send("POST", "/v1/responses", json={"model": "other", "input": "hello", "stream": True})
    events = [json.loads(event) for event in answer.events]
    assert list(range(len(events))) == [event["sequence_number"] for event in events]
    assert ["error", "response.failed"] == [event["type"] for event in events[-2:]]
    assert "not complete" in events[-1]["response"]["error"]["message"]
    assert 1 == len(events[-1]["response"]["output"])
