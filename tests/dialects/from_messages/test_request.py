"""A request for one of OpenAI's chat completions, as Anthropic is asked."""

import json
from typing import Any

import pytest

from hostd.dialects.from_messages.request import DEFAULT_LIMIT, messages_request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from tests.dialects.conversations import Json

HI: Json = {"role": "user", "content": "Hi"}


def translated(*messages: Json, **members: Any) -> Json:
    """Return the request with *messages* and *members* as Anthropic is asked."""
    document = RequestDocument.of({"model": "m", "messages": list(messages) or [HI]} | members)
    found: Json = json.loads(messages_request(document).encode())
    return found


def test_the_least() -> None:
    """The bound of the answer must be said, so that one is."""
    content = [{"type": "text", "text": "Hi"}]
    assert {
        "model": "m",
        "max_tokens": DEFAULT_LIMIT,
        "messages": [{"role": "user", "content": content}],
    } == translated()


def test_the_usual_members() -> None:
    """Each goes by its other name, within Anthropic's bounds; of two ways to sample one is taken."""
    asked = translated(
        max_tokens=1, max_completion_tokens=7, temperature=1.8, top_p=0.5, stop=["x", "\n"], user="u", seed=1, n=1
    )
    assert (7, 1.0, ["x"], {"user_id": "u"}) == (
        asked["max_tokens"],
        asked["temperature"],
        asked["stop_sequences"],
        asked["metadata"],
    )
    assert {"top_p", "seed", "n"}.isdisjoint(asked)
    assert 0.5 == translated(top_p=0.5)["top_p"]
    assert ["x"] == translated(stop="x")["stop_sequences"]
    assert 1 == translated(max_tokens=0)["max_tokens"]


def test_the_system_prompt() -> None:
    """All of it that stands in front; what comes later stays where it is, marked."""
    asked = translated(
        {"role": "system", "content": "A"},
        {"role": "developer", "content": [{"type": "text", "text": "B"}]},
        HI,
        {"role": "system", "content": "C"},
    )
    assert "A\n\nB" == asked["system"]
    assert ["Hi", "<system-reminder>\nC\n</system-reminder>"] == [
        block["text"] for block in asked["messages"][0]["content"]
    ]


def test_what_anthropic_would_refuse() -> None:
    """No empty text, no foreign sign in an id, the user first, and no space at the end of a beginning."""
    call = {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": ""}}
    asked = translated(
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "Go"}]},
        {"role": "assistant", "content": "It is \n"},
    )["messages"]
    assert [
        {"role": "user", "content": [{"type": "text", "text": "."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "functions_f_0"}, {"type": "text", "text": "Go"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "It is"}]},
    ] == asked


@pytest.mark.parametrize("odd", [5, True, 0.5, "no", {"a": 1}])
def test_lists_that_are_none(odd: object) -> None:
    """Say nothing, as they do for engines."""
    asked = translated(
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A", "tool_calls": odd}, tools=odd
    )
    assert "tools" not in asked
    assert [{"type": "text", "text": "A"}] == asked["messages"][1]["content"]
    assert "stop_sequences" not in translated(stop=5)


@pytest.mark.parametrize("messages", [[], "no", [{"role": "system", "content": "A"}], ["no"]])
def test_nothing_to_answer(messages: object) -> None:
    """Is the client's mistake."""
    with pytest.raises(RequestError, match="'messages'"):
        messages_request(RequestDocument.of({"model": "m", "messages": messages}))


@pytest.mark.parametrize(
    "members",
    [
        {"n": 2},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
    ],
)
def test_what_cannot_be_said(members: Json) -> None:
    """Suits another target."""
    with pytest.raises(RequestError) as raised:
        translated(**members)
    assert "unfit" == raised.value.code


def test_pictures_and_files() -> None:
    """What is in the request goes as it is; of what is elsewhere, its address."""
    urls = ["data:image/jpeg;base64,AA", "https://e/x.png"]
    parts: list[Json] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    parts.append({"type": "file", "file": {"file_data": "data:application/pdf;base64,BB"}})
    assert [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA"}},
        {"type": "image", "source": {"type": "url", "url": "https://e/x.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "BB"}},
    ] == translated({"role": "user", "content": parts})["messages"][0]["content"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, {}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"thinking": {"type": "disabled"}}),
        ({"chat_template_kwargs": {"enable_thinking": True}}, {"thinking": {"type": "adaptive"}}),
        ({"reasoning_effort": "minimal"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        ),
        ({"response_format": {"type": "json_object"}}, {"system": "Answer with one JSON object and nothing else."}),
        ({"stream": True}, {"stream": True}),
    ],
)
def test_thought_and_form(members: Json, said: Json) -> None:
    """In Anthropic's words, whichever of the clients' words it was asked for in."""
    asked = translated(**members)
    assert said == {name: value for name, value in asked.items() if name not in ("model", "messages", "max_tokens")}


def test_a_call_that_was_malformed() -> None:
    """Stays where it was, as the model wrote it."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    asked = translated(HI, {"role": "assistant", "tool_calls": [call]})
    assert {"arguments": '{"a'} == asked["messages"][1]["content"][0]["input"]
