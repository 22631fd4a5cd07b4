"""What recorded answers prove, and what they do not."""

import json
import math
from typing import Any

import pytest

from hostd.dialects.openai import capability_verdicts as verdicts
from hostd.dialects.openai.capability_verdicts import EngineRefusal, Reply
from hostd.domain.capability import ProbeVerdict

YES, NO, UNKNOWN = ProbeVerdict.YES, ProbeVerdict.NO, ProbeVerdict.UNKNOWN
TOOL = "get_weather"
ARGUMENTS = '{"city": "Paris"}'
CALL = {"name": TOOL, "arguments": {"city": "Paris"}}
WORDS = "I cannot look up the weather, for I have no access to live data. " * 8


def answer(content: str | None = None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """Return a chat completion, as engines send it."""
    said = {"role": "assistant", "content": content, **message}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": said, "finish_reason": finish}]}


def call(arguments: object = ARGUMENTS, name: str = TOOL) -> dict[str, Any]:
    """Return one tool call."""
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


CODER = {
    # Qwen2.5-Coder at temperature 0: all of its answers without examples are such, then bare ones, then those between tags.
    "fenced": f"```json\n{json.dumps(CALL)}\n```",
    "bare": json.dumps(CALL),
    "bare in the keys of others": json.dumps({"name": TOOL, "parameters": {"city": "Paris"}}),
    "tools": f"<tools>\n{json.dumps(CALL)}\n</tools>",
    "left unparsed": f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>",
    "half of a tag": f"{json.dumps(CALL)}\n</tool_call>",
    "after a sentence": f"To find that out, I will call the tool.\n\n```json\n{json.dumps(CALL, indent=2)}\n```\n",
    "xml": f"<function={TOOL}>\n<parameter=city>\nParis\n</parameter>\n</function>",
    "python": f"```python\nprint({TOOL}(city='Paris'))\n```",
    "mistral": f"[TOOL_CALLS][{json.dumps(CALL)}]",
    "llama": f'<|python_tag|>{TOOL}.call(city="Paris")',
    "after a thought": f"<think>\nThe user wants the weather.\n</think>\n\n{json.dumps(CALL)}",
}


@pytest.mark.parametrize("kind", CODER)
def test_a_call_in_the_text_is_none(kind: str) -> None:
    """However plausible: a client shows it to its user instead of calling anything. That is a no, with this reason."""
    found = verdicts.judge_call(answer(CODER[kind]), [TOOL])
    assert (NO, True) == (found.verdict, "into its text" in found.why)


CALLS: dict[str, tuple[Reply, ProbeVerdict]] = {
    "a call": (answer(tool_calls=[call()], finish="tool_calls"), YES),
    "a call whose finish says stop": (answer("", tool_calls=[call()]), YES),
    "a call beside words": (answer("Let me see.", tool_calls=[call()]), YES),
    "a call after thoughts": (answer(reasoning_content="Hm.", tool_calls=[call()]), YES),
    "arguments that are an object": (answer(tool_calls=[call({"city": "Paris"})]), YES),
    "arguments that are no JSON": (answer(tool_calls=[call('{"city": Paris}')]), NO),
    "arguments that are a list": (answer(tool_calls=[call("[1]")]), NO),
    "arguments that were cut off": (answer(tool_calls=[call('{"city": "Pa')], finish="length"), UNKNOWN),
    "a tool that is not there": (answer(tool_calls=[call(name="weather")]), NO),
    "words": (answer("The weather in Paris is fine."), NO),
    "nothing": (answer(None), NO),
    "nothing but thoughts, cut off": (answer("", finish="length", reasoning_content="Hm. " * 500), UNKNOWN),
    "thoughts left in the text, cut off": (answer("<think>\n" + "Hm. " * 500, finish="length"), UNKNOWN),
    "a few words, cut off": (answer("Let me see what the", finish="length"), UNKNOWN),
    "many words, cut off": (answer(WORDS, finish="length"), NO),
    "half of a call, cut off": (answer('<tool_call>\n{"name": "get_we', finish="length"), UNKNOWN),
    "the engine has no parser": (EngineRefusal("auto requires --enable-auto-tool-choice", final=True), NO),
    "the engine was busy": (EngineRefusal("no first token", final=False), UNKNOWN),
    "no chat completion": ({"choices": [None]}, NO),
    "odd members": (answer(tool_calls=[None, {"function": None}]), NO),
}


@pytest.mark.parametrize("kind", CALLS)
def test_calls_are_judged(kind: str) -> None:
    """A call that a client could make is a yes; what ended early or did not begin proves nothing."""
    reply, verdict = CALLS[kind]
    assert verdict is verdicts.judge_call(reply, [TOOL]).verdict


def test_a_forced_call_may_come_late() -> None:
    """Words without end prove nothing there; words that end do."""
    assert UNKNOWN is verdicts.judge_call(answer(WORDS, finish="length"), [TOOL], forced=True).verdict
    assert NO is verdicts.judge_call(answer(WORDS), [TOOL], forced=True).verdict


def test_several_calls_are_counted() -> None:
    """Two are several; one is not, unless the answer was cut off after it."""
    assert YES is verdicts.judge_calls(answer(tool_calls=[call(), call()]), [TOOL]).verdict
    assert NO is verdicts.judge_calls(answer(tool_calls=[call()]), [TOOL]).verdict
    assert UNKNOWN is verdicts.judge_calls(answer(tool_calls=[call()], finish="length"), [TOOL]).verdict
    assert NO is verdicts.judge_calls(answer(f"{CODER['bare']}\n{CODER['bare']}"), [TOOL]).verdict
    assert UNKNOWN is verdicts.judge_calls(EngineRefusal("gone", final=False), [TOOL]).verdict


VALUES = {"size": ("small", "large"), "old": (True, False)}
SCHEMAS = {
    '{"size": "large", "old": true}': YES,
    '  {"old": false,\n "size": "small"}\n': YES,
    '<think>\nWell.\n</think>\n{"size": "large", "old": true}': YES,
    '{"size": "huge", "old": true}': NO,
    '{"size": "large", "old": 1}': NO,
    '{"size": "large", "old": true, "more": 1}': NO,
    '{"size": "large"}': NO,
    '```json\n{"size": "large", "old": true}\n```': NO,
    "Rome is a large and old city.": NO,
    "[]": NO,
}


@pytest.mark.parametrize("text", SCHEMAS)
def test_schemas_are_checked(text: str) -> None:
    """The answer is the object and nothing else; a fence shows that nothing held the model to it."""
    assert SCHEMAS[text] is verdicts.judge_schema(answer(text), VALUES).verdict


def test_half_an_object_proves_nothing() -> None:
    """It was cut off, so that more tokens may tell more; a refusal by the engine is a no."""
    found = verdicts.judge_schema(answer('{"size": "lar', finish="length"), VALUES)
    assert (UNKNOWN, True) == (found.verdict, found.cut)
    assert NO is verdicts.judge_schema(EngineRefusal("failed to parse grammar", final=True), VALUES).verdict


THOUGHTS: dict[str, tuple[Reply, ProbeVerdict]] = {
    "llama-server's": (answer("Nine.", reasoning_content="All but nine."), YES),
    "vLLM's": (answer("Nine.", reasoning="All but nine."), YES),
    "left in the text": (answer("<think>\nAll but nine.\n</think>\n\nNine."), YES),
    "left in the text, cut off": (answer("<think>\nAll but", finish="length"), YES),
    "empty": (answer("Nine.", reasoning_content="\n\n"), NO),
    "missing": (answer("Nine."), NO),
    "missing from a long answer": (answer(WORDS, finish="length"), NO),
    "hidden": (answer(None, finish="length"), UNKNOWN),
    "an error": (EngineRefusal("gone", final=True), UNKNOWN),
}


@pytest.mark.parametrize("kind", THOUGHTS)
def test_thoughts_are_seen(kind: str) -> None:
    """Beside the answer, or in it."""
    reply, verdict = THOUGHTS[kind]
    assert verdict is verdicts.judge_thinking(reply).verdict


def test_colours_are_seen() -> None:
    """The right one proves sight; a wrong one proves nothing, and a refusal of the picture blindness."""
    assert YES is verdicts.judge_colour(answer("Green."), "green").verdict
    assert UNKNOWN is verdicts.judge_colour(answer("Red."), "green").verdict
    assert UNKNOWN is verdicts.judge_colour(answer("", finish="length", reasoning_content="Hm"), "green").verdict
    assert NO is verdicts.judge_colour(EngineRefusal("image input is not supported", final=True), "green").verdict


def vectors(*given: object) -> dict[str, Any]:
    """Return an answer to a request for embeddings."""
    return {"object": "list", "data": [{"index": n, "embedding": each} for n, each in enumerate(given)]}


VECTORS: dict[str, tuple[Reply, ProbeVerdict]] = {
    "two": (vectors([0.1, -0.2, 3], [0.2, 0.1, 1.0]), YES),
    "one": (vectors([0.1, 0.2]), NO),
    "constant": (vectors([0.0, 0.0], [0.5, 0.5]), NO),
    "alike": (vectors([0.1, 0.2], [0.1, 0.2]), NO),
    "not finite": (vectors([0.1, math.nan], [0.1, 0.2]), NO),
    "too large": (vectors([0.1, 10**400], [0.1, 0.2]), NO),
    "no numbers": (vectors(["a", "b"], [True, False]), NO),
    "text": (vectors("AAAA", "BBBB"), NO),
    "nothing": ({"data": None}, NO),
    "an error": (EngineRefusal("does not support embeddings", final=True), NO),
    "a passing error": (EngineRefusal("busy", final=False), UNKNOWN),
}


@pytest.mark.parametrize("kind", VECTORS)
def test_vectors_are_checked(kind: str) -> None:
    """Finite numbers that differ within a vector and between texts."""
    reply, verdict = VECTORS[kind]
    assert verdict is verdicts.judge_vectors(reply, 2).verdict
