"""A prompt is counted by whoever serves its model, or estimated; for that, no model is loaded."""

from typing import Any

import pytest

from tests.stage import Answer, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORDS = "word " * 80


async def count(stage: Stage, model: str, content: Any = WORDS, **headers: str) -> Answer:
    """Count the tokens of *content*."""
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    return await stage.send("POST", "/v1/messages/count_tokens", json=body, headers=headers)


async def test_an_estimate(stage: Stage) -> None:
    """Of a model whose server does not count, or is not loaded; it stays as it is."""
    for model in ("alpha", "spare"):
        before = stage.model_state(model).state
        answer = await count(stage, model)
        assert 200 == answer.status
        assert 100 <= answer.json["input_tokens"] <= 140
        assert before is stage.model_state(model).state
        assert model == answer.headers["x-hostd-model"]


async def test_what_only_another_model_could_read_is_estimated_all_the_same(stage: Stage) -> None:
    """The count is asked for before it is known who will answer."""
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}}
    assert (await count(stage, "alpha", [document])).json["input_tokens"] > 1000


async def test_bad_input(stage: Stage) -> None:
    """Is told in the dialect's own shape."""
    unknown = await count(stage, "nobody")
    assert (404, "not_found_error") == (unknown.status, unknown.json["error"]["type"])
    assert 400 == (await count(stage, "alpha", 5)).status
    wrong = await stage.get("/v1/messages/count_tokens")
    assert (405, "error") == (wrong.status, wrong.json["type"])
