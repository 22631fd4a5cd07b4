"""Every parameter of the official client's chat completions is taken: used, passed on, or left out without harm."""

import inspect
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.resources.chat.completions import Completions

from hostd.dialects.openai.request_fields import CHAT
from tests.journeys.host import Host, profile, serving

OF_THE_CLIENT = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
PARAMETERS = sorted(inspect.signature(Completions.create).parameters.keys() - OF_THE_CLIENT)
FUNCTION = {"name": "f", "description": "Does it.", "parameters": {"type": "object", "properties": {}}}
VALUES: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hello"}],
    "model": "chat",
    "audio": {"format": "wav", "voice": "alloy"},
    "frequency_penalty": 0.1,
    "function_call": "none",
    "functions": [FUNCTION],
    "logit_bias": {"5": 1},
    "logprobs": True,
    "max_completion_tokens": 4,
    "max_tokens": 4,
    "metadata": {"a": "b"},
    "modalities": ["text"],
    "moderation": {"model": "omni-moderation-latest"},
    "n": 2,
    "parallel_tool_calls": True,
    "prediction": {"type": "content", "content": "Hello"},
    "presence_penalty": 0.1,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "safety_identifier": "s",
    "seed": 1,
    "service_tier": "auto",
    "stop": ["\n"],
    "store": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "tool_choice": "auto",
    "tools": [{"type": "function", "function": FUNCTION}],
    "top_logprobs": 2,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
}
BESIDE: dict[str, dict[str, Any]] = {
    "top_logprobs": {"logprobs": True},
    "stream_options": {"stream": True},
    "function_call": {"functions": [FUNCTION]},
    "tool_choice": {"tools": VALUES["tools"]},
}
"""What makes sense only together."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model that chats."""
    with serving(tmp_path_factory.mktemp("parameters"), profile("chat")) as running:
        yield running


@pytest.mark.parametrize("name", PARAMETERS)
def test_is_taken(host: Host, name: str) -> None:
    """A new one of a newer client has no value here yet, and is looked at by whoever adds it."""
    assert name in VALUES
    assert name in CHAT
    with openai.OpenAI(base_url=host.url + "/v1", api_key="unused", max_retries=0) as client:
        asked = {
            "messages": VALUES["messages"],
            "model": "chat",
            "max_tokens": 8,
            **BESIDE.get(name, {}),
            name: VALUES[name],
        }
        said: Any = client.chat.completions.create(**asked)
        chunks = list(said) if asked.get("stream") else [said]
    assert {index for chunk in chunks for index in (choice.index for choice in chunk.choices)} == set(
        range(asked.get("n", 1))
    )
    if name == "stream_options":
        assert chunks[-1].usage.completion_tokens > 0


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "x.pdf"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "odd", "odd": 1},
    ],
    ids=lambda part: str(part["type"]),
)
def test_media_that_the_model_cannot_take_are_refused(host: Host, part: dict[str, Any]) -> None:
    """As the client's error, which no client sends again."""
    reply = host.post("/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": [part]}]})
    assert (400, "invalid_request_error") == (reply.status, reply.json["error"]["type"])
