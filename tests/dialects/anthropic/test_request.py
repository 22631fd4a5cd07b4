"""A request to Anthropic's messages, as an engine that knows OpenAI's chat completions is asked."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from hostd.dialects.anthropic.request import chat_request
from hostd.dialects.from_messages.request import messages_request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from tests.dialects.conversations import Json, conversations


def translated(**members: Any) -> Json:
    """Return the request with *members* as an engine is asked."""
    document = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]} | members
    found: Json = json.loads(chat_request(RequestDocument.of(document)).encode())
    return found


def messages_for(*messages: Json, **members: Any) -> list[Json]:
    """Return *messages* as an engine is asked."""
    found: list[Json] = translated(messages=list(messages), **members)["messages"]
    return found


@settings(max_examples=40)
@given(conversations())
def test_there_and_back_keeps_the_conversation(messages: list[Json]) -> None:
    """Texts, pictures, calls and their results, in their places."""
    chat = chat_request(RequestDocument.of({"model": "m", "system": "Be brief.", "messages": messages}))
    back = messages_request(chat)
    assert messages == back["messages"]
    assert "Be brief." == back["system"]


@settings(max_examples=25)
@given(conversations(), conversations())
def test_a_turn_begins_with_the_one_before(earlier: list[Json], later: list[Json]) -> None:
    """What an engine has read of a conversation stands at the same place in its next turn."""
    answer = {"role": "assistant", "content": [{"type": "text", "text": "Well."}]}
    first = messages_for(*earlier)
    second = messages_for(*earlier, answer, *later)
    assert first == second[: len(first)]


def test_the_usual_members() -> None:
    """Each goes by its other name; what marks the cache is left out."""
    tool = {
        "name": "f",
        "description": "F.",
        "input_schema": {"type": "object"},
        "cache_control": {"type": "ephemeral"},
    }
    asked = translated(
        max_tokens=9, temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["x"], tools=[tool], metadata={"user_id": "u"}
    )
    assert {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "stop": ["x"],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "F.", "parameters": {"type": "object"}}}
        ],
    } == asked


def test_a_stream_ends_with_its_sums() -> None:
    """Which the end of a message tells."""
    asked = translated(stream=True)
    assert (True, {"include_usage": True}) == (asked["stream"], asked["stream_options"])


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, {}),
        ({"thinking": {"type": "disabled"}}, {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 9},
        ),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        (
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
    ],
)
def test_thought(members: Json, said: Json) -> None:
    """How much the model is to think is said in the words of templates; where nothing is said, nothing is."""
    asked = translated(**members)
    assert said == {name: value for name, value in asked.items() if name not in ("model", "messages")}


def test_a_schema() -> None:
    """The answer follows it, whichever of the two names it has."""
    form = {"type": "json_schema", "schema": {"type": "object"}}
    for members in ({"output_config": {"format": form}}, {"output_format": form}):
        assert {"type": "object"} == translated(**members)["response_format"]["json_schema"]["schema"]


def test_the_signature_of_claude_code_is_left_out() -> None:
    """It differs between two sessions, and stands before everything else."""
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1;"},
        {"type": "text", "text": "You are."},
    ]
    assert {"role": "system", "content": "You are."} == messages_for({"role": "user", "content": "Hi"}, system=system)[
        0
    ]
    assert "user" == messages_for({"role": "user", "content": "Hi"}, system=system[:1])[0]["role"]


@pytest.mark.parametrize("content", ["It is Monday.", [{"type": "text", "text": "It is Monday.", "cache_control": {}}]])
def test_a_system_message_in_the_middle_stays_there(content: object) -> None:
    """As marked text of the user's, however it was written; at the front it belongs to the system prompt."""
    middle = {"role": "system", "content": content}
    said = messages_for(
        {"role": "user", "content": "Hi"}, middle, {"role": "assistant", "content": "Yes?"}, system="Be brief."
    )
    assert ["system", "user", "assistant"] == [message["role"] for message in said]
    assert "Hi\n\n<system-reminder>\nIt is Monday.\n</system-reminder>" == said[1]["content"]
    front = messages_for(middle, {"role": "user", "content": "Hi"}, system="Be brief.")
    assert "Be brief.\n\nIt is Monday." == front[0]["content"]


def test_deferred_tools() -> None:
    """Only those that the conversation has loaded reach the engine, behind the others; the model reads that they are there."""
    tools: list[Json] = [
        {"name": name, "input_schema": {}, "defer_loading": name != "search"}
        for name in ("fetch", "search", "read", "never")
    ]
    call = {"type": "tool_use", "id": "t", "name": "search", "input": {}}
    references = [{"type": "tool_reference", "tool_name": name} for name in ("read", "fetch")]
    messages: list[Json] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": references}]},
    ]
    asked = translated(tools=tools, messages=messages)
    assert ["search", "read", "fetch"] == [tool["function"]["name"] for tool in asked["tools"]]
    assert ("tool", "t") == (asked["messages"][-1]["role"], asked["messages"][-1]["tool_call_id"])
    assert "read is loaded" in asked["messages"][-1]["content"]
    assert ["search"] == [tool["function"]["name"] for tool in translated(tools=tools)["tools"]]


def test_results() -> None:
    """An error is called one; what is no text follows all results, as in OpenAI's dialect a tool says nothing else."""
    picture = {"type": "image", "source": {"type": "url", "url": "data:image/png;base64,AA"}}
    said = messages_for(
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "seen"}, picture]},
                {"type": "tool_result", "tool_use_id": "b", "content": "no such file", "is_error": True},
                {"type": "tool_result", "tool_use_id": "c"},
            ],
        }
    )
    assert [("a", "seen"), ("b", "Error: no such file"), ("c", "")] == [
        (message["tool_call_id"], message["content"]) for message in said[:3]
    ]
    assert ["text", "image_url"] == [part["type"] for part in said[3]["content"]]


def test_thoughts_of_earlier_turns() -> None:
    """Are the model's own again; those that nobody can read are left out."""
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}]
    assert [{"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}] == messages_for(
        {"role": "assistant", "content": [*blocks, {"type": "text", "text": "Yes."}]}
    )


def test_documents() -> None:
    """Text is text; a file that only Anthropic's models can read suits no other."""
    text = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "body"}}
    parts = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "part"}]}}
    found = {
        "type": "search_result",
        "title": "S",
        "source": "http://s",
        "content": [{"type": "text", "text": "result"}],
    }
    assert (
        "T\nbody\n\npart\n\nS\nhttp://s\nresult"
        == messages_for({"role": "user", "content": [text, parts, found]})[0]["content"]
    )
    for block in ({"type": "document", "source": {"type": "base64"}}, {"type": "image", "source": {"type": "file"}}):
        with pytest.raises(RequestError, match="only Anthropic's models") as raised:
            messages_for({"role": "user", "content": [block]})
        assert "unfit" == raised.value.code


def test_what_tools_of_anthropics_own_have_said() -> None:
    """Is read as it is, without what nobody but Anthropic can read; the tools themselves are left out."""
    block = {"type": "web_search_tool_result", "content": [{"title": "T", "encrypted_content": "x"}]}
    said = messages_for({"role": "assistant", "content": [block]})[0]["content"]
    assert '"T"' in said
    assert "encrypted" not in said
    assert "tools" not in translated(
        tools=[{"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "auto"}
    )
