"""A request is understood as far as routing needs, and refused with a reason where it cannot be."""

import io
import json
from collections.abc import AsyncIterator

import pytest

from hostd.domain.server_settings import ServerSettings
from tests.stage import CHAT, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_BODY = ServerSettings().max_body


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", "bad_json", "not valid JSON"),
        (b"{", "bad_json", "not valid JSON"),
        (b'{"model": "alpha",}', "bad_json", "not valid JSON"),
        (b'\xff{"model": "alpha"}', "bad_json", "not valid JSON"),
        (b"[]", "bad_json", "must be a JSON object"),
        (b'"alpha"', "bad_json", "must be a JSON object"),
        (b'{"a":' * 100_000, "bad_json", "nested too deeply"),
        (b"{}", "no_model", "names no model"),
        (b'{"model": ""}', "no_model", "names no model"),
        (b'{"model": 7}', "no_model", "names no model"),
        (b'{"model": "alpha", "stream": "yes"}', "bad_request", "'stream' must be true or false"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_refuses_what_it_cannot_read(stage: Stage, body: bytes, code: str, said: str) -> None:
    """400 with a sentence, in OpenAI's shape."""
    answer = await stage.send("POST", CHAT, data=body)
    assert (400, code) == (answer.status, answer.error["code"])
    assert said in answer.error["message"]
    assert "invalid_request_error" == answer.error["type"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_refuses_a_body_that_is_too_large(stage: Stage, chunked: bool) -> None:
    """40 MB are refused with 413, announced or not, and the server goes on as before."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(1_000_000)

    answer = await stage.send("POST", CHAT, data=pieces() if chunked else io.BytesIO(bytes(40_000_000)))
    assert (413, "request_too_large") == (answer.status, answer.error["code"])
    assert "larger than 32 MiB" in answer.error["message"]
    assert 200 == (await stage.ask("alpha", max_tokens=1)).status


async def test_takes_a_large_body(stage: Stage) -> None:
    """Everything up to the limit goes through, whole."""
    body = b'{"model": "beta", "prompt": "' + b"x" * (MAX_BODY - 1000) + b'"}'
    answer = await stage.send("POST", "/v1/completions", data=io.BytesIO(body))
    assert (400, "context_length_exceeded") == (answer.status, answer.error["code"])


@pytest.mark.parametrize("given", ["soon", "-1", "1.2.3", "inf", "1 year"])
async def test_refuses_a_timeout_that_is_none(stage: Stage, given: str) -> None:
    """x-hostd-timeout is seconds or a duration."""
    answer = await stage.ask("alpha", headers={"x-hostd-timeout": given})
    assert (400, "x-hostd-timeout") == (answer.status, answer.error["param"])


@pytest.mark.parametrize("given", ["30", "2.5", "30s", "1m30s"])
async def test_takes_a_timeout(stage: Stage, given: str) -> None:
    """Both ways to write it are understood."""
    assert 200 == (await stage.ask("alpha", headers={"x-hostd-timeout": given})).status


async def test_sees_what_a_request_needs(stage: Stage) -> None:
    """Tools need a model that is not declared to be without them; embeddings one that is declared to make them."""
    answer = await stage.ask("spare", tools=[{"type": "function", "function": {"name": "f"}}])
    assert (400, "unfit") == (answer.status, answer.error["code"])
    assert "'spare' is declared without tools" in answer.error["message"]
    answer = await stage.ask("alpha", "/v1/embeddings", input="x")
    assert (400, "unfit") == (answer.status, answer.error["code"])


async def test_null_is_no_stream(stage: Stage) -> None:
    """Clients that write every field write null for those that they leave out."""
    answer = await stage.send("POST", CHAT, data=json.dumps({"model": "alpha", "stream": None, "messages": []}))
    assert "application/json" == answer.headers["Content-Type"]
