"""The calls of tools since the user said something last, and what came of them, in a request of any dialect."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hostd.dialects.last_words import is_result, said_in
from hostd.dialects.request_document import RequestDocument

_LISTS = ("messages", "input")
_MOST_ITEMS = 48
"""Messages from the end that are looked at."""
_HEAD, _TAIL = 300, 1200
"""Characters of a result that are kept: what went wrong stands at its beginning or at its end."""


class ToolStep(NamedTuple):
    """One call: the *tool*, its *arguments* as text, and beginning and end of its *result*; *failed* if the client says so."""

    tool: str
    arguments: str
    result: str
    failed: bool = False


def tool_steps(document: RequestDocument, most: int) -> tuple[ToolStep, ...]:
    """Return the last *most* steps since the user's last words in *document*, oldest first; a call that is not there has no name.

    Raises:
        RequestError: A message cannot be read.
    """
    for name in _LISTS:
        if name in document:
            return tuple(_steps(document, name, most))[::-1]
    return ()


def _steps(document: RequestDocument, name: str, most: int) -> Iterator[ToolStep]:
    """Yield the steps, newest first: results come before their calls, from the end."""
    waiting: list[tuple[str, str, bool]] = []
    for number, item in enumerate(document.backwards(name)):
        if number >= _MOST_ITEMS or len(waiting) > most or not isinstance(item, Mapping):
            break
        if said_in(item) and not is_result(item):
            break
        waiting += reversed([*_results(item)])
        for call, tool, arguments in reversed([*_calls(item)]):
            # Ollama's results name no call: each answers the last one that is left.
            found = next((each for each in waiting if each[0] in (call, "")), None)
            if found is not None:
                waiting.remove(found)
                yield ToolStep(tool, arguments, found[1], found[2])
                most -= 1
                if most == 0:
                    return
    for _, result, failed in waiting[:most]:
        yield ToolStep("", "", result, failed)


def _results(item: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield the results in a message: the call's id, the text, and whether the client says that it failed."""
    if item.get("role") == "tool":
        yield _text(item.get("tool_call_id")), _shortened(item.get("content")), False
    elif _text(item.get("type")).endswith("_call_output"):
        yield _text(item.get("call_id")), _shortened(item.get("output")), item.get("status") == "incomplete"
    for part in _parts(item):
        if part.get("type") == "tool_result":
            yield _text(part.get("tool_use_id")), _shortened(part.get("content")), part.get("is_error") is True


def _calls(item: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the calls in a message: id, tool and arguments."""
    calls = item.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, Mapping) and isinstance(function := call.get("function"), Mapping):
            yield _text(call.get("id")), _text(function.get("name")), _written(function.get("arguments"))
    if _text(item.get("type")).endswith("_call"):
        yield _text(item.get("call_id")), _text(item.get("name")), _written(item.get("arguments"))
    for part in _parts(item):
        if part.get("type") == "tool_use":
            yield _text(part.get("id")), _text(part.get("name")), _written(part.get("input"))


def _parts(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = item.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []


def _shortened(content: Any) -> str:
    parts = _parts({"content": content})
    text = content if isinstance(content, str) else "\n".join(_text(part.get("text")) for part in parts)
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def _written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else repr(arguments)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
