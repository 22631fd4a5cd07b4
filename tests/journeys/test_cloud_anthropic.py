"""Anthropic's models as targets, over real TLS, for clients of both dialects, read by the vendors' own clients."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.journeys.cloud_provider import KEY, Provider, cloud, provider, serving_cloud
from tests.journeys.host import Host, Reply, profile, until

SKY = "The sky is blue."
HI: Any = [{"role": "user", "content": "Hi"}]
TOOLS: Any = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture(scope="module")
def vendor() -> Iterator[Provider]:
    """The provider."""
    with provider(program="scripted_anthropic") as running:
        yield running


@pytest.fixture(scope="module")
def shared(vendor: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model of the provider's that a local one stands in for, and one that stands alone."""
    profiles = (
        profile("local"),
        cloud("claude", vendor.url, provider="anthropic", fallback=["local"], aliases=["claude-*"]),
        # A circuit breaker counts the failures of each model, so that each fault has one of its own.
        *(cloud(f"faulty-{at}", vendor.url, provider="anthropic", fallback=["local"]) for at in range(4)),
        cloud("alone", vendor.url, provider="anthropic"),
    )
    with serving_cloud(tmp_path_factory.mktemp("anthropic"), *profiles) as running:
        yield running


@pytest.fixture
def host(shared: Host, vendor: Provider) -> Iterator[Host]:
    """The daemon, and the provider without a script."""
    vendor.script()
    yield shared
    vendor.script()
    # What a test has had the provider refuse is over before the next.
    until(lambda: shared.chat("alone").status == 200)


@pytest.fixture
def chat(host: Host) -> Iterator[openai.OpenAI]:
    """The official client of OpenAI's."""
    with openai.OpenAI(base_url=host.url + "/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(host: Host) -> Iterator[Any]:
    """The official client of Anthropic's."""
    with anthropic.Anthropic(base_url=host.url, api_key="unused", max_retries=0) as client:
        yield client


def came_from(reply: Reply) -> tuple[str, str]:
    """Return who answered, and why."""
    return reply.headers["x-hostd-model"], reply.headers["x-hostd-route"]


def test_chat(chat: openai.OpenAI, vendor: Provider) -> None:
    """The official client reads an answer of Anthropic's, with its sums; the provider was asked in its own words."""
    said = chat.chat.completions.create(model="claude", messages=[{"role": "system", "content": "Be brief."}, *HI])
    assert SKY == said.choices[0].message.content
    assert ("stop", "claude", 1005) == (
        said.choices[0].finish_reason,
        said.model,
        said.usage and said.usage.total_tokens,
    )
    assert said.usage is not None
    assert said.usage.prompt_tokens_details is not None
    assert 600 == said.usage.prompt_tokens_details.cached_tokens
    asked = vendor.asked()[-1]
    assert ("/v1/messages", KEY, "big-1", "Be brief.") == (
        asked["path"],
        asked["key"],
        asked["body"]["model"],
        asked["body"]["system"],
    )


def test_a_stream_of_chat(chat: openai.OpenAI, vendor: Provider) -> None:
    """Thought, text, two calls at once with their arguments, and the sums where they were asked for."""
    vendor.script(thought="hm", tool='{"at": "sky", "n": 5}')
    chunks = list(
        chat.chat.completions.create(
            model="claude", messages=HI, tools=TOOLS, stream=True, stream_options={"include_usage": True}
        )
    )
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert SKY == "".join(delta.content or "" for delta in deltas)
    assert "hm" == "".join(getattr(delta, "reasoning_content", "") or "" for delta in deltas)
    pieces = [call for delta in deltas for call in delta.tool_calls or ()]
    for index in (0, 1):
        arguments = "".join(piece.function.arguments or "" for piece in pieces if piece.index == index)
        assert '{"at": "sky", "n": 5}' == arguments
    assert ["toolu_1", "toolu_2"] == [piece.id for piece in pieces if piece.id]
    assert "tool_calls" == chunks[-2].choices[0].finish_reason
    assert chunks[-1].usage is not None
    assert 1000 == chunks[-1].usage.prompt_tokens


def test_a_conversation_with_tools(chat: openai.OpenAI, vendor: Provider) -> None:
    """Goes back and forth: the provider accepts what the client makes of its answer, pictures with it."""
    vendor.script(tool="{}")
    said = chat.chat.completions.create(model="claude", messages=HI, tools=TOOLS).choices[0].message
    assert said.tool_calls is not None
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    results = [{"role": "tool", "tool_call_id": call.id, "content": "seen"} for call in said.tool_calls]
    vendor.script()
    messages: Any = [*HI, said.model_dump(exclude_none=True), *results, {"role": "user", "content": [picture]}]
    again = chat.chat.completions.create(
        model="claude", messages=messages, tools=TOOLS, tool_choice="required", reasoning_effort="high", stop=["x"]
    )
    assert SKY == again.choices[0].message.content
    body = vendor.asked()[-1]["body"]
    assert ["tool_result", "tool_result", "image"] == [block["type"] for block in body["messages"][-1]["content"]]
    assert ({"type": "any"}, ["x"]) == (body["tool_choice"], body["stop_sequences"])


def test_messages(claude: Any, vendor: Provider) -> None:
    """A client of the provider's own dialect is passed through: members, betas and answer, the model's name apart."""
    vendor.script(thought="hm", tool='{"at": "sky"}')
    asked: Any = {"model": "claude-sonnet-5", "max_tokens": 4000, "messages": HI, "thinking": {"type": "adaptive"}}
    message = claude.messages.create(**asked, extra_headers={"anthropic-beta": "context-1m-2025-08-07"})
    assert ["thinking", "text", "tool_use", "tool_use"] == [block.type for block in message.content]
    assert ("claude", "tool_use", 400) == (message.model, message.stop_reason, message.usage.input_tokens)
    assert ("context-1m-2025-08-07", {"type": "adaptive"}) == (
        vendor.asked()[-1]["beta"],
        vendor.asked()[-1]["body"]["thinking"],
    )
    with claude.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert [block.type for block in message.content] == [block.type for block in final.content]
    assert ("hm", SKY, {"at": "sky"}) == (final.content[0].thinking, final.content[1].text, final.content[3].input)
    assert ("claude", "tool_use") == (final.model, final.stop_reason)


def test_counting(claude: Any, vendor: Provider) -> None:
    """The provider counts for its own models."""
    vendor.script()
    assert 1000 == claude.messages.count_tokens(model="alone", messages=HI).input_tokens
    assert {"model", "messages"} == set(vendor.asked()[-1]["body"])


@pytest.mark.parametrize(
    ("model", "script", "route"),
    [
        ("faulty-0", {"status": 529}, "fallback:status_5xx"),
        ("faulty-1", {"status": 429, "headers": {"Retry-After": "1"}}, "fallback:status_429"),
        ("faulty-2", {"error_after": 0}, "fallback:status_5xx"),
        ("faulty-3", {"cut_after": 0}, "fallback:connect"),
    ],
)
def test_a_local_model_stands_in(
    host: Host, vendor: Provider, model: str, script: dict[str, object], route: str
) -> None:
    """For clients of both dialects, whole and streamed, whatever ails the provider before the answer has begun."""
    for ask, streamed in ((in_chat, False), (in_messages, False), (in_chat, True), (in_messages, True)):
        vendor.script()
        until(lambda: host.chat("alone").status == 200)
        vendor.script(**script)
        assert ("local", route) == came_from(ask(host, model, stream=streamed))


def in_chat(host: Host, model: str, **more: Any) -> Reply:
    """Ask for a chat completion."""
    return host.chat(model, **more)


def in_messages(host: Host, model: str, **more: Any) -> Reply:
    """Ask for a message."""
    return host.post("/v1/messages", {"model": model, "max_tokens": 24, "messages": HI} | more)


@pytest.mark.parametrize("script", [{"error_after": 3, "token_delay": 0.1}, {"cut_after": 3, "token_delay": 0.1}])
def test_a_stream_that_breaks_is_no_success(host: Host, vendor: Provider, script: dict[str, object]) -> None:
    """After the first word its client reads an error, and no end."""
    for ask, end, error in ((in_chat, b"[DONE]", b'{"error"'), (in_messages, b"message_stop", b"event: error")):
        vendor.script(**script)
        reply = ask(host, "alone", stream=True)
        assert b"The" in reply.body
        assert error in reply.body
        assert end not in reply.body


def test_only_the_formal_end_is_missing(host: Host, vendor: Provider) -> None:
    """The message has said why it is over: it is whole, and is ended."""
    vendor.script(no_done=True)
    assert in_chat(host, "alone", stream=True).body.endswith(b"data: [DONE]\n\n")
    assert b"message_stop" in in_messages(host, "alone", stream=True).body


def test_refusals(host: Host, vendor: Provider) -> None:
    """By the provider's policy, of an answer or of the request: they are passed on, and no other model is asked."""
    vendor.script(finish="refusal", tokens=0)
    assert "content_filter" == in_chat(host, "claude").json["choices"][0]["finish_reason"]
    said = {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}
    vendor.script(status=400, body={"type": "error", "error": said})
    refused = in_chat(host, "claude")
    assert (400, "content_filter", "claude") == (refused.status, refused.json["error"]["code"], came_from(refused)[0])


def test_errors_in_each_dialect(host: Host, vendor: Provider) -> None:
    """A prompt that is too long, and one that the provider does not take; the key is repeated to nobody."""
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": f"messages: no {KEY}"}}
    vendor.script(status=400, body=body)
    for ask in (in_chat, in_messages):
        refused = ask(host, "alone")
        assert 400 == refused.status
        assert KEY.encode() not in refused.body
    too_long = {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}
    vendor.script(status=400, body={"type": "error", "error": too_long})
    assert "context_length_exceeded" == in_chat(host, "alone").json["error"]["code"]
    refused = in_messages(host, "alone")
    assert ("invalid_request_error", 400) == (refused.json["error"]["type"], refused.status)
    assert "prompt is too long" in refused.json["error"]["message"]
