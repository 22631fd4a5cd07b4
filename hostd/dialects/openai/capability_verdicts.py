"""What an answer to a question of the capability probe proves.

A "no" must be one: an answer that was cut off, or that an engine failed to give, proves nothing. A call that a model writes into
its text is no call, however plausible: clients pass it on as words, as they do those of Qwen2.5-Coder, which writes JSON into a
fence, bare, or between ``<tools>`` tags (https://github.com/vllm-project/vllm/issues/32926,
https://github.com/ollama/ollama/issues/12174).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hostd.dialects.from_chat.shapes import finite_number
from hostd.dialects.json_text import JsonError, parse_json
from hostd.domain.capability import Finding, ProbeVerdict

Json = Mapping[str, Any]


class EngineRefusal(NamedTuple):
    """An error in the place of an answer. *final*: the engine cannot do what was asked, rather than not now."""

    message: str
    final: bool


Reply = Json | EngineRefusal
"""An answer as a chat completion, or a list of embeddings, or an error."""

_WORDY = 400
"""Characters of an answer in words after which no call is to be expected: who calls a tool does so after a sentence at most."""
_THOUGHTS = re.compile(r"\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_CALL = re.compile(
    r"</?tools?>|</?tool_calls?>|<function[=>]|\[TOOL_CALLS\]|<\|python_tag\|>|```(?:json|tool_code|tool_call)|"
    r'"(?:arguments|parameters)"\s*:',
    re.IGNORECASE,
)


def judge_call(reply: Reply, names: Sequence[str], *, forced: bool = False) -> Finding:
    """Return whether one of the tools *names* was called; where that is *forced*, words may precede the call without end."""
    if isinstance(reply, EngineRefusal):
        return _refused(reply)
    good, bad = _calls(reply, names)
    if good:
        return Finding(ProbeVerdict.YES, f"it called {good[0]}")
    cut, text = _is_cut(reply), _words(reply)
    if bad:
        return _cut_off("in its call") if cut else Finding(ProbeVerdict.NO, bad)
    if _CALL.search(text) or any(f"{name}(" in text for name in names):
        if cut:
            return _cut_off("in what looks like a call")
        return Finding(ProbeVerdict.NO, "it wrote the call into its text, where no client finds it")
    if cut and (forced or len(text) < _WORDY):
        return _cut_off("before it called anything")
    return Finding(ProbeVerdict.NO, "it answered in words" if text else "it answered nothing")


def judge_calls(reply: Reply, names: Sequence[str]) -> Finding:
    """Return whether the tools *names* were called several at once."""
    one = judge_call(reply, names)
    if isinstance(reply, EngineRefusal) or one.verdict is not ProbeVerdict.YES:
        return one
    count = len(_calls(reply, names)[0])
    if count > 1:
        return Finding(ProbeVerdict.YES, f"it made {count} calls at once")
    return (
        _cut_off("after its first call") if _is_cut(reply) else Finding(ProbeVerdict.NO, "it made one call at a time")
    )


def judge_schema(reply: Reply, values: Mapping[str, Sequence[object]]) -> Finding:
    """Return whether the answer is the object that the schema wants: each key of *values* with one of its values, and no other."""
    if isinstance(reply, EngineRefusal):
        return _refused(reply)
    text = _words(reply)
    try:
        answer = parse_json(text.encode())
    except JsonError:
        answer = None
    if isinstance(answer, dict) and _follows(answer, values):
        return Finding(ProbeVerdict.YES, "its answer follows the schema, which the question did not mention")
    if _is_cut(reply):
        return _cut_off("before it was complete")
    return Finding(
        ProbeVerdict.NO, "its answer is no JSON" if answer is None else "its answer does not follow the schema"
    )


def judge_thinking(reply: Reply) -> Finding:
    """Return whether the answer was thought about."""
    if isinstance(reply, EngineRefusal):
        return Finding(ProbeVerdict.UNKNOWN, reply.message)
    message = _message(reply)
    told = [message.get(name) for name in ("reasoning_content", "reasoning", "thinking")]
    if any(isinstance(each, str) and each.strip() for each in told):
        return Finding(ProbeVerdict.YES, "its answer has its reasoning beside it")
    if _THOUGHTS.match(_text(message)):
        return Finding(
            ProbeVerdict.YES, "its reasoning stands in its answer, in <think> tags that the engine leaves there"
        )
    if not _words(reply) and _is_cut(reply):
        return _cut_off("before it said anything")
    return Finding(ProbeVerdict.NO, "it answered without reasoning")


def judge_colour(reply: Reply, colour: str) -> Finding:
    """Return whether the *colour* of a picture was seen; a wrong one proves nothing, as small models see badly."""
    if isinstance(reply, EngineRefusal):
        return _refused(reply)
    text = _words(reply).lower()
    if colour in text:
        return Finding(ProbeVerdict.YES, f"it saw a picture that is {colour}")
    if _is_cut(reply) and not text:
        return _cut_off("before it named a colour")
    return Finding(ProbeVerdict.UNKNOWN, f"it took a picture that is {colour}, and named another colour or none")


def judge_vectors(reply: Reply, count: int) -> Finding:
    """Return whether the answer has *count* vectors of finite numbers that say something: not all the same."""
    if isinstance(reply, EngineRefusal):
        return _refused(reply)
    data = reply.get("data")
    entries = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    vectors: list[list[float]] = [each["embedding"] for each in entries if _is_vector(each.get("embedding"))]
    if len(vectors) != count or len(entries) != count:
        return Finding(ProbeVerdict.NO, f"its answer to {count} texts does not have as many vectors of finite numbers")
    if any(len(set(each)) < 2 for each in vectors) or any(each == vectors[0] for each in vectors[1:]):
        return Finding(ProbeVerdict.NO, "its vectors are all the same, whatever the text")
    return Finding(ProbeVerdict.YES, f"its vectors have {len(vectors[0])} dimensions")


def _follows(answer: Json, values: Mapping[str, Sequence[object]]) -> bool:
    # True is 1 to Python, and not to a schema.
    kinds = {key: [(type(each), each) for each in allowed] for key, allowed in values.items()}
    return answer.keys() == values.keys() and all((type(answer[key]), answer[key]) in kinds[key] for key in values)


def _is_vector(given: object) -> bool:
    if not isinstance(given, list) or len(given) < 2:
        return False
    return all(finite_number(each) is not None for each in given)


def _refused(refusal: EngineRefusal) -> Finding:
    if not refusal.final:
        return Finding(ProbeVerdict.UNKNOWN, refusal.message)
    return Finding(ProbeVerdict.NO, f"the engine refuses it: {refusal.message}")


def _cut_off(where: str) -> Finding:
    return Finding(ProbeVerdict.UNKNOWN, f"its answer was cut off {where}", cut=True)


def _choice(reply: Json) -> Json:
    choices = reply.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _message(reply: Json) -> Json:
    message = _choice(reply).get("message")
    return message if isinstance(message, dict) else {}


def _is_cut(reply: Json) -> bool:
    return _choice(reply).get("finish_reason") == "length"


def _text(message: Json) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _words(reply: Json) -> str:
    """Return what the answer says, without thoughts that an engine has left in it."""
    return _THOUGHTS.sub("", _text(_message(reply)), count=1).strip()


def _calls(reply: Json, names: Sequence[str]) -> tuple[list[str], str]:
    """Return the names of the tools that were called, and what is wrong with other calls, if anything."""
    calls = _message(reply).get("tool_calls")
    good, bad = [], ""
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        name, given = (function.get("name"), function.get("arguments")) if isinstance(function, dict) else (None, None)
        if name not in names:
            bad = "it called a tool that is not there"
        elif not _is_object(given):
            bad = "its call has arguments that are no JSON object"
        else:
            good.append(str(name))
    return good, bad


def _is_object(arguments: object) -> bool:
    if not isinstance(arguments, str):
        return isinstance(arguments, dict)
    try:
        return isinstance(parse_json(arguments.encode()), dict)
    except JsonError:
        return False
