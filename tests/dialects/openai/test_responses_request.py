"""A Responses request asks an engine for what the client wants, without what only OpenAI's own server can do."""

from typing import Any

import pytest

from hostd.dialects.openai.responses_request import chat_request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

Json = dict[str, Any]

FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False}
ASKED = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}


def chat(**members: Any) -> Json:
    """Return the completion that is asked for, but for its messages."""
    asked = dict(chat_request(RequestDocument.of({"input": "a", **members}), "m"))
    assert "m" == asked.pop("model")
    assert asked.pop("messages")
    return asked


@pytest.mark.parametrize(
    ("members", "asked"),
    [
        ({"max_output_tokens": 5, "temperature": 0}, {"max_tokens": 5, "temperature": 0}),
        ({"max_output_tokens": 0, "max_tool_calls": 0, "top_logprobs": 0}, {}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"reasoning": {"effort": "none"}}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, {}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"background": False, "conversation": None, "store": True, "metadata": {"a": "b"}}, {}),
    ],
)
def test_members(members: Json, asked: Json) -> None:
    """What an engine can use has its name there, and the rest does no harm."""
    assert asked == chat(**members)


def test_a_schema_binds() -> None:
    """Under the name that the client gives it."""
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    asked = chat(text={"format": {"type": "json_schema", **schema}})
    assert {"response_format": {"type": "json_schema", "json_schema": schema}} == asked
    with pytest.raises(RequestError, match="JSON schema"):
        chat(text={"format": {"type": "json_schema", "name": "n"}})


def test_tools_of_openais_own_are_left_out() -> None:
    """Codex offers them with each request; without any function left nothing is said of tools."""
    others = [{"type": "namespace", "name": "agents", "tools": [FUNCTION]}, {"type": "web_search"}]
    asked = chat(tools=[*others, FUNCTION], tool_choice="auto", parallel_tool_calls=False)
    assert {"tools": [ASKED], "tool_choice": "auto", "parallel_tool_calls": False} == asked
    assert {} == chat(tools=others, tool_choice="auto", parallel_tool_calls=True)


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "allowed_tools", "mode": "required", "tools": []}, "required"),
        ({"type": "web_search"}, None),
    ],
)
def test_choices(choice: Any, asked: Any) -> None:
    """Of a choice that no engine knows nothing is said."""
    assert asked == chat(tools=[FUNCTION], tool_choice=choice).get("tool_choice")


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background", "prompt"])
def test_what_needs_a_store_is_refused(name: str) -> None:
    """With what to do instead."""
    with pytest.raises(RequestError, match="does not store; ") as refused:
        chat(**{name: "x"})
    assert (400, "not_stored", name) == (refused.value.status, refused.value.code, refused.value.param)


@pytest.mark.parametrize(
    "members",
    [
        {"max_output_tokens": "many"},
        {"stream": "yes"},
        {"tools": {}},
        {"tools": [{"type": "function"}]},
        {"text": []},
        {"reasoning": 1},
    ],
)
def test_names_what_has_the_wrong_shape(members: Json) -> None:
    """The client's mistake."""
    with pytest.raises(RequestError) as refused:
        chat(**members)
    assert str(refused.value.param).startswith(next(iter(members)))
