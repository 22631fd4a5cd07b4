"""Conversations, answers and streams for tests of what translates them."""

import json
from typing import Any

from hypothesis import strategies as st

from hostd.dialects.anthropic.events import read_event
from hostd.dialects.framing import split_events

Json = dict[str, Any]

WORDS = st.text('ab ü"\\{漢😀', min_size=1, max_size=8).filter(str.strip)
NAMES = st.text("ab_-1", min_size=1, max_size=4)
INPUTS = st.dictionaries(
    NAMES, st.none() | st.integers(-(2**53), 2**53) | WORDS | st.lists(WORDS, max_size=2), max_size=2
)
TEXTS = st.builds(lambda text: {"type": "text", "text": text}, WORDS)
PICTURES = st.builds(
    lambda data: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}, NAMES
)
CALLS = st.lists(st.tuples(NAMES, INPUTS), max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """Return messages in their plainest form: turns alternate, each tool is answered, and neighbouring texts are one."""
    messages: list[Json] = []
    open_calls: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        results = [{"type": "tool_result", "tool_use_id": each, "content": draw(WORDS)} for each in open_calls]
        said = [draw(TEXTS), *([draw(PICTURES)] if draw(st.booleans()) else [])]
        messages.append({"role": "user", "content": results + (said if draw(st.booleans()) or not results else [])})
        calls = draw(CALLS)
        open_calls = [f"call_{number}_{index}" for index in range(len(calls))]
        used = [
            {"type": "tool_use", "id": identity, "name": name, "input": given}
            for identity, (name, given) in zip(open_calls, calls, strict=True)
        ]
        messages.append({"role": "assistant", "content": [draw(TEXTS), *used]})
    # Space at the end of a beginning is taken off, so that these end with the user.
    return [*messages, {"role": "user", "content": [_result(each) for each in open_calls] or [draw(TEXTS)]}]


def _result(identity: str) -> Json:
    return {"type": "tool_result", "tool_use_id": identity, "content": "done"}


@st.composite
def completions(draw: st.DrawFn) -> Json:
    """Return a whole chat completion as the engine says it."""
    calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for index, (name, given) in enumerate(draw(CALLS))
    ]
    message: Json = {"role": "assistant", "content": draw(st.just("") | WORDS)}
    if draw(st.booleans()):
        message["reasoning_content"] = draw(WORDS)
    if calls:
        message["tool_calls"] = calls
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    cached, rest = draw(st.integers(0, 9)), draw(st.integers(1, 9))
    usage = {
        "prompt_tokens": cached + rest,
        "completion_tokens": draw(st.integers(1, 9)),
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


def chunks_of(completion: Json, size: int) -> list[bytes]:
    """Return the stream that a server would send instead of a whole *completion*, its texts in pieces of *size* characters."""
    choice = completion["choices"][0]
    message = choice["message"]
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning_content", "content"):
        deltas += [{name: piece} for piece in _pieces(message.get(name) or "", size)]
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        head = {
            "index": index,
            "id": call["id"],
            "type": "function",
            "function": {"name": function["name"], "arguments": ""},
        }
        deltas.append({"tool_calls": [head]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in _pieces(function["arguments"], size)
        ]
    chunks: list[Json] = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    chunks.append({"choices": [], "usage": completion["usage"]})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def message_in(events: bytes) -> Json:
    """Return the message that a client puts together from *events*, as Anthropic's own do."""
    message: Json = {}
    arguments: dict[int, str] = {}
    for event in split_events(events):
        kind, data = read_event(event)
        if kind == "message_start":
            message = data["message"]
        elif kind == "content_block_start":
            assert data["index"] == len(message["content"])
            message["content"].append(data["content_block"])
        elif kind == "content_block_delta":
            block, delta = message["content"][data["index"]], data["delta"]
            assert data["index"] == len(message["content"]) - 1
            if delta["type"] == "input_json_delta":
                arguments[data["index"]] = arguments.get(data["index"], "") + delta["partial_json"]
            else:
                name = delta["type"].removesuffix("_delta")
                block[name] += delta[name]
        elif kind == "message_delta":
            message |= data["delta"] | {"usage": message["usage"] | data["usage"]}
    for index, text in arguments.items():
        message["content"][index]["input"] = json.loads(text)
    return message
