"""The official client, unchanged: chat completions, embeddings, models and responses."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.journeys.host import Host, profile, serving
from tests.journeys.test_whole_answers import TEMPLATE, TOOL


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a chat model that answers to the names of OpenAI's, one that makes embeddings, and one that calls tools."""
    folder = tmp_path_factory.mktemp("clients")
    vectors = {"args": {"threads": 1, "pooling": "mean"}, "capabilities": {"embeddings": True}}
    (folder / "tools.jinja").write_text(TEMPLATE, "utf-8")
    caller = profile("caller", args={"threads": 1, "chat-template-file": str(folder / "tools.jinja")})
    chat = profile("chat", aliases=["gpt-*", "default"])
    with serving(folder, chat, profile("org/vectors", "tiny-story.gguf", **vectors), caller) as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[openai.OpenAI]:
    """The official client."""
    with openai.OpenAI(base_url=host.url + "/v1", api_key="unused") as made:
        yield made


def test_chat(client: openai.OpenAI) -> None:
    """A chat completion is answered by the model behind the alias, with usage."""
    said = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Hello, who are you?"}], temperature=0, max_tokens=48
    )
    assert "Tiny" in (said.choices[0].message.content or "")
    assert "chat" == said.model
    assert said.usage is not None
    assert said.usage.completion_tokens > 0


def test_streaming_chat(client: openai.OpenAI) -> None:
    """The chunks of a stream add up to the same text as the answer in one piece."""
    asked = {"model": "chat", "temperature": 0, "max_tokens": 32, "seed": 1}
    messages = [{"role": "user", "content": "Count from 1 to 9."}]
    whole = client.chat.completions.create(messages=messages, **asked)  # type: ignore[call-overload]
    stream = client.chat.completions.create(
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
        **asked,  # type: ignore[call-overload]
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert whole.choices[0].message.content == text
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens


def test_embeddings(client: openai.OpenAI) -> None:
    """Embeddings come in both encodings, alike, under a name with a slash."""
    default = client.embeddings.create(model="org/vectors", input=["one", "two"])
    floats = client.embeddings.create(model="org/vectors", input=["one", "two"], encoding_format="float")
    assert 2 == len(default.data)
    assert floats.data[0].embedding == pytest.approx(default.data[0].embedding, abs=1e-5)
    assert "org/vectors" == default.model


def test_models(client: openai.OpenAI) -> None:
    """The models are listed and can be looked up one by one."""
    assert ["chat", "org/vectors", "caller", "default"] == [model.id for model in client.models.list()]
    assert "org/vectors" == client.models.retrieve("org/vectors").id


def test_unknown_model(client: openai.OpenAI) -> None:
    """A misspelt model is the client's NotFoundError, with the nearest name."""
    with pytest.raises(openai.NotFoundError, match="did you mean 'org/vectors'") as raised:
        client.models.retrieve("org/vector")
    assert "model_not_found" == raised.value.code


def test_response(client: openai.OpenAI) -> None:
    """The Responses API answers with the same text as a chat, whole and as a stream, and says what it cost."""
    asked: dict[str, Any] = {"model": "gpt-4o", "temperature": 0, "max_output_tokens": 32}
    whole = client.responses.create(input="Hello, who are you?", instructions="Be brief.", **asked)
    assert "Tiny" in whole.output_text
    assert "chat" == whole.model
    assert whole.usage is not None
    assert whole.usage.output_tokens > 0
    with client.responses.stream(input="Hello, who are you?", instructions="Be brief.", **asked) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert whole.output_text == text == final.output_text


def test_response_calls_a_tool(client: openai.OpenAI) -> None:
    """Calls, several at once, come with arguments that fit their schema, whole and streamed; their results can be sent back."""
    function: Any = TOOL["function"]
    tools: list[Any] = [{"type": "function", **function, "strict": True}, {"type": "web_search"}]
    turn: list[Any] = [{"role": "user", "content": "Hello, who are you?"}]
    asked: dict[str, Any] = {"model": "caller", "tools": tools, "temperature": 0, "max_output_tokens": 200}
    first = client.responses.create(input=turn, tool_choice="required", **asked)
    calls = [item for item in first.output if item.type == "function_call"]
    assert {"weather"} == {call.name for call in calls}
    events = list(client.responses.create(input=turn, tool_choice="required", stream=True, **asked))
    assert list(range(len(events))) == [event.sequence_number for event in events]
    streamed: dict[int, str] = defaultdict(str)
    for event in events:
        if event.type == "response.function_call_arguments.delta":
            streamed[event.output_index] += event.delta
    cities = [json.loads(call.arguments)["city"] for call in calls]
    assert cities == [json.loads(arguments)["city"] for arguments in streamed.values()]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls]
    turn += [*first.output, *results]
    assert client.responses.create(input=turn, tool_choice="none", **asked).output_text


def test_response_follows_a_schema(client: openai.OpenAI) -> None:
    """``text.format`` binds the answer."""
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "enum": [1, 2]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    said = client.responses.create(
        model="chat", input="A number.", text={"format": {"type": "json_schema", "name": "n", "schema": schema}}
    )
    assert json.loads(said.output_text)["n"] in (1, 2)


def test_the_next_turn_finds_its_beginning_in_the_cache(client: openai.OpenAI) -> None:
    """What Codex sends turn by turn: the engine reads the new part alone, though instructions come in several messages."""
    turn: list[Any] = [{"role": role, "content": f"{role} " * 40} for role in ("developer", "developer", "user")]
    asked: dict[str, Any] = {"model": "chat", "temperature": 0, "max_output_tokens": 8}
    first = client.responses.create(input=turn, **asked)
    second = client.responses.create(input=[*turn, *first.output, {"role": "developer", "content": "Go on."}], **asked)
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens_details.cached_tokens >= first.usage.input_tokens - 8


def test_responses_are_not_stored(client: openai.OpenAI) -> None:
    """A client that counts on it is told what to do instead."""
    with pytest.raises(openai.BadRequestError, match="send the earlier turns") as raised:
        client.responses.create(model="chat", input="a", previous_response_id="resp_1")
    assert "previous_response_id" == raised.value.param
