"""Calls and results are found together in every dialect, back to what the user said last."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.request_document import RequestDocument
from hostd.dialects.tool_steps import ToolStep, tool_steps

_USER = {"role": "user", "content": "do it"}


def _chat_call(number: str, arguments: str) -> dict[str, Any]:
    call = {"id": number, "type": "function", "function": {"name": "bash", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _block(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind} | more


CHAT = [
    _USER,
    _chat_call("1", '{"command": "ls"}'),
    {"role": "tool", "tool_call_id": "1", "content": "a.py"},
    _chat_call("2", '{"command": "x"}'),
    {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "x: command not found"}]},
]
MESSAGES = [
    _USER,
    {"role": "assistant", "content": [_block("tool_use", id="1", name="bash", input={"command": "ls"})]},
    {"role": "user", "content": [_block("tool_result", tool_use_id="1", content="a.py")]},
    {
        "role": "assistant",
        "content": [_block("text", text="hm"), _block("tool_use", id="2", name="bash", input={"command": "x"})],
    },
    {
        "role": "user",
        "content": [
            _block(
                "tool_result", tool_use_id="2", is_error=True, content=[_block("text", text="x: command not found")]
            ),
            _block("text", text="<reminder>"),
        ],
    },
]
RESPONSES = [
    _USER,
    _block("function_call", call_id="1", name="bash", arguments='{"command": "ls"}'),
    _block("function_call_output", call_id="1", output="a.py"),
    _block("reasoning", summary=[]),
    _block("function_call", call_id="2", name="bash", arguments='{"command": "x"}'),
    _block("function_call_output", call_id="2", output="x: command not found"),
]
OLLAMA = [
    _USER,
    {"role": "assistant", "tool_calls": [{"function": {"name": "bash", "arguments": {"command": "ls"}}}]},
    {"role": "tool", "tool_name": "bash", "content": "a.py"},
    {"role": "assistant", "tool_calls": [{"function": {"name": "bash", "arguments": {"command": "x"}}}]},
    {"role": "tool", "tool_name": "bash", "content": "x: command not found"},
]


@pytest.mark.parametrize(
    ("member", "items", "failed"),
    [("messages", CHAT, False), ("messages", MESSAGES, True), ("input", RESPONSES, False), ("messages", OLLAMA, False)],
    ids=["chat", "messages", "responses", "ollama"],
)
def test_each_result_has_its_call(member: str, items: list[dict[str, Any]], failed: bool) -> None:
    """Oldest first; what is before the user's last words is of another task."""
    earlier = [{"role": "user", "content": "before"}, *items[1:3]]
    found = tool_steps(RequestDocument.of({member: [*earlier, *items]}), 8)
    assert [("bash", "a.py", False), ("bash", "x: command not found", failed)] == [
        (step.tool, step.result, step.failed) for step in found
    ]
    assert all("ls" in step.arguments for step in found[:1])
    assert found[1:] == tool_steps(RequestDocument.of({member: items}), 1)


def test_results_of_calls_at_once_keep_their_order() -> None:
    """And one whose call is not there stands without a name."""
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    results = [{"role": "tool", "tool_call_id": name, "content": name.upper()} for name in ("a", "b")]
    document = RequestDocument.of({"messages": [_USER, {"role": "assistant", "tool_calls": calls}, *results]})
    assert tool_steps(document, 8) == (ToolStep("a", "{}", "A"), ToolStep("b", "{}", "B"))
    assert tool_steps(RequestDocument.of({"messages": [_USER, results[0]]}), 8) == (ToolStep("", "", "A"),)


@pytest.mark.parametrize(
    "body", [{}, {"messages": "x"}, {"messages": [1, None, {"role": "tool"}]}, {"input": "do it"}, {"prompt": "x"}]
)
def test_what_is_no_conversation_has_no_steps(body: dict[str, Any]) -> None:
    """Nor does it fail; an empty result is one."""
    assert len(tool_steps(RequestDocument.of(body), 8)) <= 1


def test_a_long_result_is_kept_by_its_ends() -> None:
    """Where it says what went wrong."""
    text = "begin" + "x" * 100_000 + "end"
    (step,) = tool_steps(RequestDocument.of({"messages": [_USER, {"role": "tool", "content": text}]}), 8)
    assert step.result.startswith("begin")
    assert step.result.endswith("end")
    assert len(step.result) < 2000


_NAMES = st.sampled_from(
    ["role", "type", "content", "tool_calls", "function", "name", "arguments", "id", "tool_call_id", "call_id"]
)
_WORDS = st.sampled_from(
    ["tool", "user", "assistant", "tool_result", "tool_use", "function_call", "function_call_output", "1", ""]
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(_ANYTHING, max_size=6), st.integers(1, 4))
def test_no_message_is_too_odd(items: list[Any], most: int) -> None:
    """Clients send what they like: there are no more steps than were asked for, all of them texts."""
    found = tool_steps(RequestDocument.of({"messages": items}), most)
    assert len(found) <= most
    assert all(isinstance(each, str) for step in found for each in step[:3])
