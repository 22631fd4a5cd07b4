"""Whatever the official clients' types allow is read, or refused as the client's mistake; so is whatever is not quite like it."""

import json
import random
from typing import Any

import ollama
import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_messages
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.errors import HostdError, RequestError
from tests.dialects.typed_requests import Drawn

TYPES: dict[str, list[Any]] = {
    "/v1/chat/completions": [
        chat_params.CompletionCreateParamsNonStreaming,
        chat_params.CompletionCreateParamsStreaming,
    ],
    "/v1/completions": [completion_create_params.CompletionCreateParamsNonStreaming],
    "/v1/embeddings": [embedding_create_params.EmbeddingCreateParams],
    "/v1/responses": [
        response_create_params.ResponseCreateParamsNonStreaming,
        response_create_params.ResponseCreateParamsStreaming,
    ],
    "/v1/messages": [
        message_create_params.MessageCreateParamsNonStreaming,
        message_create_params.MessageCreateParamsStreaming,
        beta_messages.MessageCreateParamsNonStreaming,
    ],
    "/api/chat": [ollama._types.ChatRequest],
    "/api/generate": [ollama._types.GenerateRequest],
    "/api/embed": [ollama._types.EmbedRequest],
    "/api/embeddings": [ollama._types.EmbeddingsRequest],
}
UPSTREAMS = ({Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_EMBEDDINGS}, {Dialect.ANTHROPIC_MESSAGES})


def read(path: str, asked: dict[str, Any]) -> list[HostdError]:
    """Read *asked* as the gateway does, and say it to every kind of upstream; return the refusals."""
    dialect = registry.PATHS[path]
    client = registry.client_dialect(dialect)
    body = json.dumps(asked).encode()
    try:
        request = client.parse(body)
    except RequestError as error:
        json.loads(client.error(error))
        return [error]
    refusals: list[HostdError] = []
    for spoken in UPSTREAMS:
        if (between := registry.translation(dialect, spoken)) is not None:
            try:
                json.loads(between.request(request).encode())
            except RequestError as error:
                refusals.append(error)
    return refusals


def drawn(path: str, seed: int, mistakes: int) -> dict[str, Any]:
    """Return a request to *path*, of the *seed*."""
    rng = random.Random(seed)
    return {**Drawn(rng, mistakes).members(rng.choice(TYPES[path])), "model": "m"}


@pytest.mark.parametrize("path", TYPES)
@given(seed=st.integers(0, 2**32), mistakes=st.sampled_from([0, 4, 40]))
@settings(max_examples=150, deadline=None)
def test_no_request_breaks_the_reader(path: str, seed: int, mistakes: int) -> None:
    """Nothing but a refusal comes of it, with a status of the client's fault."""
    for refusal in read(path, drawn(path, seed, mistakes)):
        assert 400 <= refusal.status < 500, refusal
