"""LiteLLM, each of its providers that speak one of hostd's dialects: answers, streams, tools, and errors by their kind."""

import json
import os
from typing import Any

import litellm
import pytest

URL = os.environ["HOSTD_URL"]
HELLO = [{"role": "user", "content": "Hello"}]
ASKED = [{"role": "user", "content": "How is the weather in 'Oslo'?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS}}
BASES = {
    "openai": "/v1",
    "hosted_vllm": "/v1",
    "lm_studio": "/v1",
    "llamafile": "/v1",
    "anthropic": "",
    "ollama_chat": "",
}
"""What stands behind the daemon's URL, for each provider."""


def asked(provider: str, model: str = "agent", **more: Any) -> Any:
    """Return what *model* says by way of *provider*."""
    base = URL + BASES[provider]
    return litellm.completion(model=f"{provider}/{model}", api_base=base, api_key="unused", num_retries=0, **more)


@pytest.mark.parametrize("provider", BASES)
def test_an_answer_and_its_stream(provider: str) -> None:
    """Say the same, with the same sums."""
    whole = asked(provider, messages=HELLO)
    chunks = list(asked(provider, messages=HELLO, stream=True, stream_options={"include_usage": True}))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert whole.choices[0].message.content == said
    sums = [chunk.usage.total_tokens for chunk in chunks if getattr(chunk, "usage", None)]
    assert whole.usage.total_tokens == sums[-1] > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", BASES)
def test_a_tool_is_called(provider: str, stream: bool) -> None:
    """With the arguments that it takes."""
    answer = asked(provider, messages=ASKED, tools=[TOOL], stream=stream)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer), messages=ASKED)
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_an_unknown_model(provider: str) -> None:
    """Is known for one."""
    with pytest.raises(litellm.NotFoundError):
        asked(provider, "nobody", messages=HELLO)


def test_responses_and_messages() -> None:
    """Are asked for as such, too."""
    about: Any = {"api_key": "unused", "model": "openai/agent"}
    assert "scripted" in str(litellm.responses(input="Hello", api_base=f"{URL}/v1", **about).output[0])
