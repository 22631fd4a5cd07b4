"""Every request goes on record: who, when and how much."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hostd.telemetry.record_writer import RecordWriter
from hostd.telemetry.sinks import RequestRecord
from tests.stage import CHAT, Stage, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[RequestRecord]]:
    """The records that are made meanwhile."""
    found: list[RequestRecord] = []

    def finished(_records: RecordWriter, record: RequestRecord) -> None:
        found.append(record)

    monkeypatch.setattr(RecordWriter, "finished", finished)
    yield found
    await stage.clear()


async def test_an_answer(stage: Stage, kept: list[RequestRecord]) -> None:
    """When it came, the profile behind the name that was asked for, who asked, how it was answered, and its tokens."""
    answer = await stage.ask("gpt-4o-mini", headers={"X-Hostd-Client": "my agent"}, max_tokens=5)
    (entry,) = kept
    assert (answer.headers["x-request-id"], "my agent") == (entry.id, entry.client)
    assert ("alpha", "alpha", "llamacpp", "primary") == (entry.asked, entry.model, entry.backend, entry.route)
    assert ("answered", 200, False) == (entry.outcome, entry.status, entry.stream)
    usage = answer.json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (entry.prompt_tokens, entry.output_tokens)
    assert 0 < entry.ttft <= entry.total
    assert abs(time.time() - entry.total - entry.at) < 5


async def test_a_stream(stage: Stage, kept: list[RequestRecord]) -> None:
    """Tokens are known even where the client asked for no sums."""
    await stage.stream("alpha", max_tokens=4)
    await stage.stream("alpha", max_tokens=4, stream_options={"include_usage": True})
    without, asked = kept
    assert (None, True, True) == (without.client, without.stream, asked.stream)
    assert without.prompt_tokens == asked.prompt_tokens > 0
    assert 4 == asked.output_tokens == without.output_tokens


async def test_vectors(stage: Stage, kept: list[RequestRecord]) -> None:
    """The sums stand before the vectors there."""
    answer = await stage.ask("vectors", "/v1/embeddings", input="hello")
    assert answer.json["usage"]["prompt_tokens"] == kept[0].prompt_tokens > 0


async def test_a_move_and_a_refusal(stage: Stage, kept: list[RequestRecord]) -> None:
    """The route tells why another answered; who was refused is on record as having asked."""
    await stage.ask("org/broken:latest")
    await stage.ask("absent")
    moved, refused = kept
    assert ("org/broken:latest", "beta") == (moved.asked, moved.model)
    assert moved.route.startswith("fallback:")
    assert ("absent", "refused", 503) == (refused.asked, refused.outcome, refused.status)


async def test_what_broke_off(stage: Stage, kept: list[RequestRecord]) -> None:
    """An answer that the engine broke off, one that it refused, and a client that went away have outcomes of their own."""
    await stage.script("alpha", cut_after=2)
    await stage.stream("alpha")
    await stage.script("alpha", cut_after=None, hang=True)
    leaving = stage.begin("alpha")
    await until(lambda: stage.model_state("alpha").serving)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await until(lambda: len(kept) == 2)
    await stage.send("POST", CHAT, json={"model": "no such model"})
    assert [("broken", 502), ("gone", 499)] == [(entry.outcome, entry.status) for entry in kept]
