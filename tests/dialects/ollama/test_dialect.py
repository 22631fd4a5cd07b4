"""Clients of Ollama are found by their paths, and read and answered in its shapes."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.ollama.dialect import PATHS, OllamaClient
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.ticket import Task
from tests.dialects.answering import context

SPOKEN = (Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_EMBEDDINGS)
BODIES: dict[Dialect, dict[str, Any]] = {
    Dialect.OLLAMA_CHAT: {"messages": [{"role": "user", "content": "a"}], "tools": [{"function": {"name": "f"}}]},
    Dialect.OLLAMA_GENERATE: {"prompt": "a"},
    Dialect.OLLAMA_EMBED: {"input": "a"},
    Dialect.OLLAMA_EMBEDDINGS: {"prompt": "a"},
}


@pytest.mark.parametrize(("dialect", "path"), PATHS.items())
def test_is_found_by_its_path(dialect: Dialect, path: str) -> None:
    """And reaches every engine that speaks OpenAI's; vectors are none of a stream."""
    assert dialect is registry.dialect_of(path)
    request = registry.client_dialect(dialect).parse(json.dumps({"model": "m", **BODIES[dialect]}).encode())
    found = registry.translation(request.dialect, SPOKEN)
    assert found is not None
    assert "m" == found.request(request)["model"]
    vectors = "embed" in path
    assert (not vectors, vectors) == (request.stream, request.requirements.task is Task.EMBEDDINGS)


def test_all_paths_below_are_its_own() -> None:
    """A client prints the error of a path that is not there."""
    assert Dialect.OLLAMA_CHAT is registry.dialect_of("/api/absent")


def test_a_text_without_a_template_is_a_completion() -> None:
    """As one with a gap is."""
    for more in ({"raw": True}, {"suffix": "b"}):
        request = OllamaClient(Dialect.OLLAMA_GENERATE).parse(
            json.dumps({"model": "m", "prompt": "a", **more}).encode()
        )
        found = registry.translation(request.dialect, SPOKEN)
        assert found is not None
        assert Dialect.OPENAI_COMPLETIONS is found.spoken


def test_old_clients_call_the_model_name() -> None:
    """And one that names none is refused."""
    client = OllamaClient(Dialect.OLLAMA_CHAT)
    assert "m" == client.parse(b'{"name": "m"}').model
    with pytest.raises(RequestError, match="names no model"):
        client.parse(b"{}")


@pytest.mark.parametrize(
    ("dialect", "member"), [(Dialect.OLLAMA_CHAT, "message"), (Dialect.OLLAMA_GENERATE, "response")]
)
def test_keeps_streams_alive_with_lines(dialect: Dialect, member: str) -> None:
    """Each a whole object without content; an error is one, too."""
    client = OllamaClient(dialect)
    for line in (client.keep_alive("waiting"), client.idle_event()):
        told = json.loads(line)
        assert (False, True) == (told["done"], line.endswith(b"\n"))
        assert not (told[member]["content"] if member == "message" else told[member])
    assert {"error": "died"} == json.loads(client.error_event(EngineError("died")))


@pytest.mark.parametrize(
    ("dialect", "member", "expected"),
    [(Dialect.OLLAMA_EMBED, "embeddings", [[1, 2], [3, 4]]), (Dialect.OLLAMA_EMBEDDINGS, "embedding", [1, 2])],
)
def test_vectors(dialect: Dialect, member: str, expected: object) -> None:
    """Two routes have two shapes; an answer without any is none."""
    found = registry.translation(dialect, SPOKEN)
    assert found is not None
    ctx = context(dialect, json.dumps({"model": "m", **BODIES[dialect]}).encode())
    payload = b'{"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}], "usage": {"prompt_tokens": 7}}'
    answer = found.response(payload, ctx)
    assert (expected, 7) == (json.loads(answer.body)[member], answer.prompt_tokens)
    for broken in (b"{}", b'{"data": [{"embedding": "AA"}]}', b"<html>"):
        assert found.response(broken, ctx).failure
