"""Ollama's clients are told of models as they are here, and cannot change them."""

import json

import ollama
import pytest

from hostd.domain.lifecycle import State
from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_lists_every_name(stage: Stage) -> None:
    """As `/v1/models` does, aliases and roles included, each with all that strict clients want."""
    models = ollama.ListResponse.model_validate((await stage.get("/api/tags")).json).models
    names = [model["id"] for model in (await stage.get("/v1/models")).json["data"]]
    assert names == [model.model for model in models]
    assert all(model.details and model.modified_at and model.digest for model in models)


async def test_shows_loaded_models(stage: Stage) -> None:
    """Only those, with the context of one request and until when they stay."""
    ready = {name for name in stage.app.catalog.profiles if stage.model_state(name).state is State.READY}
    models = ollama.ProcessResponse.model_validate((await stage.get("/api/ps")).json).models
    assert ready == {model.name for model in models}
    alpha = next(model for model in models if model.name == "alpha")
    assert 4096 == alpha.context_length
    assert alpha.expires_at is not None


@pytest.mark.parametrize("spelled", ["alpha", "alpha:latest", "Alpha", "gpt-4o-mini", "org/broken"])
async def test_shows_one(stage: Stage, spelled: str) -> None:
    """By any of its names, with the tag that Ollama adds or without."""
    answer = await stage.send("POST", "/api/show", json={"model": spelled})
    shown = ollama.ShowResponse.model_validate(answer.json)
    assert (200, "completion") == (answer.status, (shown.capabilities or [""])[0])


async def test_what_is_declared_is_there(stage: Stage) -> None:
    """A pull succeeds at once, in either form; of others it says that they are not found."""
    whole = await stage.send("POST", "/api/pull", json={"name": "alpha", "stream": False})
    assert {"status": "success"} == whole.json
    lines = (await stage.send("POST", "/api/pull", json={"model": "alpha"})).body.splitlines()
    assert "success" == json.loads(lines[-1])["status"]
    absent = await stage.send("POST", "/api/pull", json={"model": "nothing"})
    assert (404, True) == (absent.status, "not found" in absent.json["error"])
    assert 400 == (await stage.send("POST", "/api/pull", json={})).status


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "create"), ("POST", "push"), ("POST", "copy"), ("DELETE", "delete"), ("POST", "blobs/sha256:0")],
)
async def test_models_are_the_owners(stage: Stage, method: str, path: str) -> None:
    """What would change them is refused with a sentence."""
    answer = await stage.send(method, f"/api/{path}", json={"model": "alpha"})
    assert 403 == answer.status
    assert f"/api/{path} changes models" in answer.json["error"]


async def test_answers_in_lines(stage: Stage) -> None:
    """The engine's stream, said again; one that breaks off ends with an error, and never with ``done``."""
    asked = {"model": "alpha", "messages": [{"role": "user", "content": "hello"}], "options": {"num_predict": 3}}
    answer = await stage.send("POST", "/api/chat", json=asked)
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert ("application/x-ndjson", "w0 w1 w2 ") == (
        answer.headers["Content-Type"],
        "".join(line["message"]["content"] for line in lines),
    )
    await stage.script("alpha", cut_after=2)
    lines = [json.loads(line) for line in (await stage.send("POST", "/api/chat", json=asked)).body.splitlines()]
    assert [False, False] == [line["done"] for line in lines[:-1]]
    assert "not complete" in lines[-1]["error"]


async def test_errors_have_the_dialects_shape(stage: Stage) -> None:
    """Where a path is wrong, too."""
    for answer in (
        await stage.get("/api/absent"),
        await stage.get("/api/chat"),
        await stage.send("POST", "/api/show", data=b"["),
    ):
        assert isinstance(answer.json["error"], str)
