"""Anthropic's official client, unchanged, before a real llama-server."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.journeys.host import Host, profile, serving

# The newest client no longer has a name for it.
COLD = {"temperature": 0}
HELLO: Any = [{"role": "user", "content": "Hello, who are you?"}]
TOOL = {
    "name": "look",
    "description": "Looks.",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a chat model that answers to the names of Anthropic's."""
    with serving(tmp_path_factory.mktemp("messages"), profile("chat", aliases=["claude-*", "model_id"])) as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[Any]:
    """The official client, which sends its key as a bearer's."""
    with anthropic.Anthropic(base_url=host.url, api_key="unused", max_retries=0) as made:
        yield made


def test_a_message(client: Any) -> None:
    """Is answered by the model behind the alias, with its sums; a bound far beyond the context is none."""
    message = client.messages.create(model="claude-sonnet-5", messages=HELLO, extra_body=COLD, max_tokens=8)
    assert "Tiny" in message.content[0].text
    assert ("chat", "max_tokens", 8) == (message.model, message.stop_reason, message.usage.output_tokens)
    long = client.messages.create(
        model="chat", messages=HELLO, extra_body=COLD, max_tokens=128_000, stop_sequences=["."], timeout=60
    )
    assert ("stop_sequence", ".") == (long.stop_reason, long.stop_sequence)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limit", [24, 200])
def test_a_stop_sequence(client: Any, stream: bool, limit: int) -> None:
    """Is told where it ended the answer, and not where it did not come."""
    asked: Any = {"model": "chat", "messages": HELLO, "extra_body": COLD, "max_tokens": limit, "timeout": 60}

    def answered(*stops: str) -> Any:
        if not stream:
            return client.messages.create(**asked, stop_sequences=stops)
        with client.messages.stream(**asked, stop_sequences=stops) as events:
            return events.get_final_message()

    whole = client.messages.create(**asked)
    word = whole.content[0].text.split()[1]
    stopped, ended = answered("never", word), answered("never")
    assert ("stop_sequence", word) == (stopped.stop_reason, stopped.stop_sequence)
    assert (whole.stop_reason, None) == (ended.stop_reason, ended.stop_sequence)
    assert whole.content[0].text == ended.content[0].text
    assert whole.content[0].text.startswith(stopped.content[0].text)
    read = (stopped.usage.input_tokens + stopped.usage.cache_read_input_tokens, whole.usage.output_tokens)
    assert (whole.usage.input_tokens + whole.usage.cache_read_input_tokens, ended.usage.output_tokens) == read


def test_a_conversation_goes_either_way(client: Any) -> None:
    """What the engine has read of it is in its cache, whether it is asked by a message or by a chat completion."""
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1;"},
        {"type": "text", "text": "You help with code. " * 10},
    ]
    turns: Any = [
        {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": "Three."},
        {"role": "system", "content": "The folder is empty."},
        *HELLO,
    ]
    sums = []
    ways: tuple[Any, ...] = (
        {},
        {"tools": [TOOL]},
        {"extra_body": {"thinking": {"type": "disabled"}}},
        {"stop_sequences": ["."]},
    )
    for more in ways:
        usage = client.messages.create(model="chat", max_tokens=1, messages=turns, system=system, **more).usage
        sums.append((usage.input_tokens + usage.cache_read_input_tokens, usage.cache_read_input_tokens))
    assert 1 == len({prompt for prompt, _ in sums})
    assert all(cached == prompt - 1 for prompt, cached in sums[1:])


def test_a_stream(client: Any) -> None:
    """Adds up to the same text as the answer in one piece, with the same sums in the end."""
    asked: Any = {"model": "chat", "messages": HELLO, "extra_body": COLD, "max_tokens": 24}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert whole.content[0].text == text
    assert whole.usage.output_tokens == final.usage.output_tokens
    assert (whole.stop_reason, "chat") == (final.stop_reason, final.model)


def test_a_conversation_as_claude_code_sends_it(host: Host, client: Any) -> None:
    """What the engine has read of one turn is in its cache for the next, whatever the client varies; pings and betas do no harm."""
    signature = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=%s;"}
    system = {"type": "text", "text": "You help with code. " * 20, "cache_control": {"type": "ephemeral"}}
    environment = "The folder is empty. " * 10
    first: Any = [
        *HELLO,
        {"role": "system", "content": [{"type": "text", "text": environment, "cache_control": {"type": "ephemeral"}}]},
    ]
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "."}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "nothing"}
    second: Any = [
        *HELLO,
        {"role": "system", "content": environment},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, call]},
        {"role": "user", "content": [result, {"type": "text", "text": "Go on."}]},
    ]
    sums = []
    for number, messages in enumerate((first, second)):
        message = client.beta.messages.create(
            model="claude-opus-5-5",
            max_tokens=8,
            messages=messages,
            system=[signature | {"text": signature["text"] % number}, system],
            tools=[TOOL | ({"cache_control": {"type": "ephemeral"}} if number else {})],
            thinking={"type": "adaptive"},
            metadata={"user_id": json.dumps({"session_id": "s"})},
            betas=["unknown-2026-01-01"],
            extra_headers={"x-claude-code-session-id": "s"},
        )
        sums.append(message.usage)
    before = sums[0].input_tokens + sums[0].cache_read_input_tokens
    assert before > 100
    assert sums[1].cache_read_input_tokens >= before - 8


def test_counting_tokens(client: Any) -> None:
    """As the engine counts them, whole conversations with tools too."""
    counted = client.messages.count_tokens(model="claude-sonnet-5", messages=HELLO)
    usage = client.messages.create(model="chat", messages=HELLO, max_tokens=1).usage
    assert usage.input_tokens + usage.cache_read_input_tokens == counted.input_tokens
    assert client.messages.count_tokens(model="chat", messages=HELLO, tools=[TOOL]).input_tokens >= counted.input_tokens


def test_models(client: Any) -> None:
    """Are listed, and looked up by any name that they have."""
    assert ["chat", "model_id"] == [model.id for model in client.models.list()]
    first = client.models.list(limit=1)
    assert (["chat"], True) == ([model.id for model in first.data], first.has_more)
    assert ["chat", "model_id"] == [model.id for model in first]
    assert ["chat"] == [model.id for model in client.models.list(before_id="model_id", limit=5).data]
    assert "active" == client.models.retrieve("claude-haiku-4-5").lifecycle


def test_errors(host: Host, client: Any) -> None:
    """Are of the client's own kinds, wherever they come from: an unknown model, a prompt that is too long, a path, a method."""
    for ask in (client.messages.create, client.messages.count_tokens):
        with pytest.raises(anthropic.NotFoundError, match="unknown model 'nobody'"):
            ask(model="nobody", messages=HELLO, **({"max_tokens": 1} if ask == client.messages.create else {}))
    with pytest.raises(anthropic.NotFoundError, match="unknown model"):
        client.models.retrieve("nobody")
    long: Any = [{"role": "user", "content": "word " * 4000}]
    for stream in (False, True):
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
            client.messages.create(model="chat", messages=long, max_tokens=1, stream=stream)
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
    with pytest.raises(anthropic.BadRequestError, match="only Anthropic's models"):
        client.messages.create(model="chat", messages=[{"role": "user", "content": [document]}], max_tokens=1)
    for reply in (host.get("/v1/messages"), host.get("/v1/messages/nothing")):
        assert "error" == reply.json["type"]
    assert 200 == host.get("/").status
