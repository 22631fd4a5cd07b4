"""What was asked and answered has one form in traces, whatever dialect and stream it was said in."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.telemetry.traces.messages import LARGEST, content_of, parameters_of

CALL = {"type": "tool_call", "id": "c1", "name": "read", "arguments": {"path": "a"}}


def content(dialect: Dialect, request: dict[str, Any], answer: bytes) -> dict[str, Any]:
    """Return what is exported, messages decoded."""
    parsed = registry.client_dialect(dialect).parse(json.dumps({"model": "m"} | request).encode())
    found = content_of(parsed, answer)
    return {
        name: json.loads(value) if isinstance(value, str) and value.startswith("[") else value
        for name, value in found.items()
    }


def text(said: str) -> dict[str, str]:
    """Return a part."""
    return {"type": "text", "content": said}


def events(*documents: dict[str, Any], names: bool = False) -> bytes:
    """Return a stream of server-sent events."""
    lines = [(f"event: {each['type']}\n" if names else "") + f"data: {json.dumps(each)}\n\n" for each in documents]
    return "".join([*lines, "" if names else "data: [DONE]\n\n"]).encode()


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    return {"id": "chat-1", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,x"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "function": {"name": "read", "arguments": '{"path":"a"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "text of a"},
    ]
}


def test_a_chat_completion() -> None:
    """Calls of tools and their results, pictures by name only; the whole answer and the stream say the same."""
    message = {
        "role": "assistant",
        "content": "Hello",
        "reasoning_content": "hm",
        "tool_calls": CHAT["messages"][2]["tool_calls"],
    }
    whole = {"id": "chat-1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    halves = [{"path": "a"}, json.dumps({"path": "a"})]
    streamed = events(
        chunk({"role": "assistant", "reasoning_content": "hm"}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk(
            {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "read", "arguments": str(halves[1])[:4]}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": str(halves[1])[4:]}}]}),
        chunk({}, "tool_calls"),
    )
    first = content(Dialect.OPENAI_CHAT, CHAT, json.dumps(whole).encode())
    assert first == content(Dialect.OPENAI_CHAT, CHAT, streamed)
    assert [
        {"role": "system", "parts": [text("be brief")]},
        {"role": "user", "parts": [text("see"), {"type": "image_url"}]},
        {"role": "assistant", "parts": [CALL]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "text of a"}]},
    ] == first["gen_ai.input.messages"]
    parts = [{"type": "reasoning", "content": "hm"}, text("Hello"), CALL]
    assert [{"role": "assistant", "parts": parts, "finish_reason": "tool_calls"}] == first["gen_ai.output.messages"]
    assert (["tool_calls"], "chat-1") == (first["gen_ai.response.finish_reasons"], first["gen_ai.response.id"])


def test_several_choices_stay_apart() -> None:
    """In the order of their indices."""
    answer = events(chunk({"content": "b"}, "stop", 1), chunk({"content": "a"}, "stop", 0))
    found = content(Dialect.OPENAI_CHAT, {"messages": []}, answer)["gen_ai.output.messages"]
    assert ["a", "b"] == [message["parts"][0]["content"] for message in found]


def test_messages() -> None:
    """Anthropic's: the system prompt apart, blocks, and a stream of blocks."""
    request = {
        "system": [{"type": "text", "text": "be brief"}],
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "text"}]},
        ],
    }
    streamed = events(
        {"type": "message_start", "message": {"id": "msg_1", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "c1", "name": "read", "input": {}},
        },
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"path"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ':"a"}'}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        names=True,
    )
    blocks = [
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a"}},
    ]
    whole = {"id": "msg_1", "type": "message", "content": blocks, "stop_reason": "tool_use"}
    found = content(Dialect.ANTHROPIC_MESSAGES, request, streamed)
    assert found == content(Dialect.ANTHROPIC_MESSAGES, request, json.dumps(whole).encode())
    assert [text("be brief")] == found["gen_ai.system_instructions"]
    assert {"type": "tool_call_response", "id": "c1", "response": "text"} == found["gen_ai.input.messages"][2]["parts"][
        0
    ]
    assert [{"role": "assistant", "parts": [text("Hello"), CALL], "finish_reason": "tool_use"}] == found[
        "gen_ai.output.messages"
    ]


def test_responses() -> None:
    """The last event holds the whole response."""
    request = {
        "instructions": "be brief",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "go"}]}],
    }
    output = [
        {"type": "message", "status": "completed", "content": [{"type": "output_text", "text": "Hello"}]},
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": '{"path":"a"}', "status": "completed"},
    ]
    whole = {"id": "resp_1", "status": "completed", "output": output}
    streamed = events(
        {"type": "response.created", "response": {"id": "resp_1", "output": []}},
        {"type": "response.output_text.delta", "delta": "Hello"},
        {"type": "response.completed", "response": whole},
        names=True,
    )
    found = content(Dialect.OPENAI_RESPONSES, request, streamed)
    assert found == content(Dialect.OPENAI_RESPONSES, request, json.dumps(whole).encode())
    assert [{"role": "user", "parts": [text("go")]}] == found["gen_ai.input.messages"]
    assert [text("Hello"), CALL] == found["gen_ai.output.messages"][0]["parts"]


def test_ollama() -> None:
    """Lines of a stream, or one."""
    lines = [
        {"message": {"role": "assistant", "content": "Hel"}, "done": False},
        {"message": {"role": "assistant", "content": "lo"}, "done": True, "done_reason": "stop"},
    ]
    request = {"messages": [{"role": "user", "content": "go"}]}
    found = content(Dialect.OLLAMA_CHAT, request, "\n".join(map(json.dumps, lines)).encode() + b"\n")
    assert [{"role": "assistant", "parts": [text("Hello")], "finish_reason": "stop"}] == found["gen_ai.output.messages"]
    told = content(
        Dialect.OLLAMA_GENERATE, {"prompt": "go"}, b'{"response": "Hello", "done": true, "done_reason": "stop"}'
    )
    assert found["gen_ai.output.messages"] == told["gen_ai.output.messages"]
    assert [{"role": "user", "parts": [text("go")]}] == told["gen_ai.input.messages"]


@pytest.mark.parametrize(
    "answer", [b"", b"\xff\xfe", b"[]", b"data: {", b'{"choices": [1, {"delta": 2}], "content": 3, "output": [4]}']
)
def test_what_is_not_understood_is_not_there(answer: bytes) -> None:
    """Whatever an upstream has sent."""
    found = content(Dialect.OPENAI_CHAT, {"messages": [1, {"role": "user", "content": "go"}]}, answer)
    assert ["gen_ai.input.messages"] == list(found)


def test_what_is_too_large_is_left_out() -> None:
    """On either side."""
    request = {"messages": [{"role": "user", "content": "a" * LARGEST}]}
    assert {} == content(Dialect.OPENAI_CHAT, request, events(chunk({"content": "b" * LARGEST})))


def test_parameters() -> None:
    """By one name, whatever a dialect calls them."""
    options = {"temperature": 0.5, "num_predict": 7, "top_k": True}
    assert {"gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 7} == parameters_of({"options": options})
    assert {"gen_ai.request.top_p": 1, "gen_ai.request.max_tokens": 9} == parameters_of(
        {"top_p": 1, "max_completion_tokens": 9}
    )
