"""A request for one of OpenAI's chat completions as one to Anthropic's messages.

Anthropic is the stricter of the two: texts may not be empty, the first turn is the user's, ids have few kinds of characters, and
the bound of the answer must be said.

Source: https://docs.anthropic.com/en/api/messages.
"""

import re
from collections.abc import Iterator
from typing import Any

from hostd.dialects.anthropic.thinking import words_of
from hostd.dialects.anthropic.tools import anthropic_choice, tools_of
from hostd.dialects.from_chat.answer import arguments_of
from hostd.dialects.openai.thinking import wish_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.reason import FallbackReason

Json = dict[str, Any]

DEFAULT_LIMIT = 32_000
"""Tokens of an answer whose request sets no bound; every model of Anthropic's that is not retired gives as many."""
_MARK = "<system-reminder>\n{}\n</system-reminder>"
_SYSTEM = ("system", "developer")
_SPACE = "\n\n"
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,", re.IGNORECASE)
_JSON_ONLY = "Answer with one JSON object and nothing else."


def messages_request(document: RequestDocument) -> RequestDocument:
    """Return *document* as a request to Anthropic's messages.

    Raises:
        RequestError: It cannot be said there (sound, several choices), code unfit; or its messages are malformed.
    """
    choices = document.get("n")
    if isinstance(choices, int) and choices > 1:
        raise _unfit("asks for several choices", "n")
    system, messages = _conversation(document.get("messages"))
    form = document.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_object":
        system.append(_JSON_ONLY)
    asked: Json = {"model": document.get("model"), "max_tokens": _limit(document), "messages": messages}
    if system:
        asked["system"] = _SPACE.join(system)
    asked |= _sampling(document) | _tools(document) | _thought(document)
    if (
        isinstance(form, dict)
        and form.get("type") == "json_schema"
        and isinstance(schema := form.get("json_schema"), dict)
    ):
        asked.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema.get("schema") or {}}
    if isinstance(user := document.get("user"), str) and user:
        asked["metadata"] = {"user_id": user}
    if document.get("stream"):
        asked["stream"] = True
    return RequestDocument.of(asked)


def _limit(document: RequestDocument) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        if isinstance(given := document.get(name), int) and not isinstance(given, bool):
            return max(1, given)
    return DEFAULT_LIMIT


def _sampling(document: RequestDocument) -> Json:
    """Return what is said of sampling: of temperature and ``top_p`` newer models take one only."""
    said: Json = {}
    if isinstance(heat := document.get("temperature"), int | float):
        said["temperature"] = min(1.0, max(0.0, float(heat)))
    elif isinstance(top := document.get("top_p"), int | float):
        said["top_p"] = top
    if isinstance(top := document.get("top_k"), int) and top > 0:
        said["top_k"] = top
    stops = document.get("stop")
    stops = [stops] if isinstance(stops, str) else _listed(stops)
    if sound := [stop for stop in stops if isinstance(stop, str) and stop.strip()]:
        said["stop_sequences"] = sound
    return said


def _tools(document: RequestDocument) -> Json:
    functions = [*_listed(document.get("tools")), *_listed(document.get("functions"))]
    if not (tools := tools_of(functions)):
        return {}
    given = document.get("tool_choice", document.get("function_call"))
    choice = anthropic_choice(given, document.get("parallel_tool_calls"))
    return {"tools": tools} | ({"tool_choice": choice} if choice else {})


def _thought(document: RequestDocument) -> Json:
    """Return how much the model is to think, where that is said in any of the ways that clients have for it."""
    if isinstance(thinking := document.get("thinking"), dict):
        return {"thinking": thinking}
    wish = wish_of(document)
    return {} if wish is None else words_of(wish)


def _conversation(messages: Any) -> tuple[list[str], list[Json]]:
    """Return the system prompt, and all turns; neighbours of one role are one turn."""
    system: list[str] = []
    turns: list[Json] = []
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, dict):
            raise RequestError("each of 'messages' must be an object", code="bad_request", param="messages")
        role = message.get("role")
        if role in _SYSTEM and not turns:
            system += _texts(message.get("content"))
            continue
        mine = "assistant" if role == "assistant" else "user"
        if not (blocks := list(_blocks(str(role), message))):
            continue
        if turns and turns[-1]["role"] == mine:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": mine, "content": blocks})
    if not turns:
        raise RequestError("'messages' holds nothing to answer", code="bad_request", param="messages")
    if turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": [_text(".")]})
    _end_soundly(turns[-1])
    return system, turns


def _end_soundly(last: Json) -> None:
    """Take the space off the end of a beginning that the model is to go on with, as Anthropic demands."""
    if last["role"] == "assistant" and last["content"][-1]["type"] == "text":
        last["content"][-1] = _text(last["content"][-1]["text"].rstrip() or ".")


def _blocks(role: str, message: Json) -> Iterator[Json]:
    content = message.get("content")
    if role in ("tool", "function"):
        said = _SPACE.join(_texts(content))
        identity = _identity(message.get("tool_call_id") or message.get("name"))
        yield {"type": "tool_result", "tool_use_id": identity} | ({"content": said} if said else {})
    elif role in _SYSTEM:
        # Hoisted to the front, it would move all that Anthropic has in its cache.
        yield from (_text(_MARK.format(text)) for text in _texts(content))
    elif role == "assistant":
        yield from map(_text, _texts(content))
        if isinstance(refusal := message.get("refusal"), str) and refusal:
            yield _text(refusal)
        yield from _calls(message)
    else:
        yield from _parts(content)


def _calls(message: Json) -> Iterator[Json]:
    older = message.get("function_call")
    calls = _listed(message.get("tool_calls")) or (
        [{"id": older.get("name"), "function": older}] if isinstance(older, dict) else []
    )
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            given = arguments_of(function.get("arguments"))
            # What no tool could have read is kept where the model sees what it did.
            given = {"arguments": function.get("arguments")} if given is None else given
            yield {"type": "tool_use", "id": _identity(call.get("id")), "name": function.get("name"), "input": given}


def _listed(given: Any) -> list[Any]:
    """Return what was *given* where that is a list; what is none says nothing."""
    return given if isinstance(given, list) else []


def _identity(given: object) -> str:
    return _FOREIGN.sub("_", str(given)) or "_"


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _texts(content: Any) -> list[str]:
    """Return the texts of a message's *content* that are not empty."""
    if isinstance(content, str):
        return [content] if content.strip() else []
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") or part.get("refusal") for part in parts if isinstance(part, dict))
    return [text for text in texts if isinstance(text, str) and text.strip()]


def _parts(content: Any) -> Iterator[Json]:
    if not isinstance(content, list):
        yield from map(_text, _texts(content))
        return
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "image_url":
            yield {"type": "image", "source": _source(part.get("image_url"))}
        elif kind == "file":
            yield {"type": "document", "source": _file(part.get("file"))}
        elif kind in ("text", None) or "text" in part:
            yield from map(_text, _texts([part]))
        else:
            raise _unfit(f"holds a part of the type '{str(kind)[:50]}'", "messages")


def _source(given: Any) -> Json:
    url = str(given.get("url") if isinstance(given, dict) else given)
    return _packed(url) or {"type": "url", "url": url}


def _file(given: Any) -> Json:
    data = given.get("file_data") if isinstance(given, dict) else None
    if not isinstance(data, str) or (source := _packed(data)) is None:
        raise _unfit("names a file that is not in it", "messages")
    return source


def _packed(url: str) -> Json | None:
    """Return the content of a ``data:`` URL; None where *url* is another one."""
    found = _DATA_URL.match(url)
    return found and {"type": "base64", "media_type": found[1] or "image/png", "data": url[found.end() :]}


def _unfit(what: str, param: str) -> RequestError:
    return RequestError(
        f"the request {what}, which Anthropic's models cannot be asked for", code=FallbackReason.UNFIT, param=param
    )
