"""A request to Anthropic's messages as one for OpenAI's chat completions.

Everything keeps its place, so that what an engine has read of one turn is the beginning of the next: a system message in the middle
of a conversation becomes marked text of the user's there, since most templates take one at the front only, and the block with which
Claude Code signs its requests, another one each time, is left out.

Source: https://docs.anthropic.com/en/api/messages, and the requests of Claude Code, OpenCode, Qwen Code and the SDKs as recorded.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from hostd.dialects.anthropic.thinking import wish_of
from hostd.dialects.anthropic.tools import functions_of, openai_choice
from hostd.dialects.openai.thinking import words_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.reason import FallbackReason

Json = dict[str, Any]

SIGNATURE_BLOCK = "x-anthropic-billing-header:"
"""How the block begins with which Claude Code signs a request."""
_MARK = "<system-reminder>\n{}\n</system-reminder>"
_PASSED = ("temperature", "top_p", "top_k")
_SPACE = "\n\n"


def chat_request(document: RequestDocument) -> RequestDocument:
    """Return *document* as a request for a chat completion; what the engine could not use is left out.

    Raises:
        RequestError: It holds a file that only Anthropic's own models can read; code unfit.
    """
    messages = document["messages"]
    asked: Json = {"model": document.get("model"), "messages": _conversation(document.get("system"), messages)}
    if isinstance(limit := document.get("max_tokens"), int) and not isinstance(limit, bool) and limit > 0:
        asked["max_tokens"] = limit
    asked |= {name: value for name in _PASSED if (value := document.get(name)) is not None}
    if stops := document.get("stop_sequences"):
        asked["stop"] = stops
    if functions := functions_of(document.get("tools") or (), _loaded(messages)):
        asked["tools"] = functions
        choice = openai_choice(document.get("tool_choice"))
        if choice.choice is not None:
            asked["tool_choice"] = choice.choice
        if choice.parallel is not None:
            asked["parallel_tool_calls"] = choice.parallel
    asked |= _thought(document) | _format(document)
    if document.get("stream"):
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return RequestDocument.of(asked)


def _thought(document: RequestDocument) -> Json:
    """Return how much the model is to think, where that is said."""
    wish = wish_of(document)
    return {} if wish is None else words_of(wish)


def _format(document: RequestDocument) -> Json:
    """Return the schema that the answer must follow, where there is one."""
    config = document.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    form = form or document.get("output_format")
    if not isinstance(form, dict) or form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        return {}
    schema = {"name": "answer", "schema": form["schema"], "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _conversation(system: Any, messages: list[Json]) -> list[Json]:
    """Return all messages; neighbours of one role are one message, as Anthropic defines it and most templates need it."""
    front = [text] if (text := system_text(system)) else []
    start = 0
    while start < len(messages) and messages[start]["role"] == "system":
        front.append(system_text(messages[start]["content"]))
        start += 1
    said: list[Json] = [{"role": "system", "content": _SPACE.join(filter(None, front))}] if any(front) else []
    run: list[Json] = []
    for message in messages[start:]:
        blocks = blocks_of(message["content"])
        if message["role"] == "system":
            blocks = [{"type": "text", "text": _MARK.format(text)}] if (text := system_text(blocks)) else []
        if run and (message["role"] == "assistant") != (run[0]["role"] == "assistant"):
            said += _turn(run)
            run = []
        run.append({"role": message["role"], "blocks": blocks})
    return [*said, *(_turn(run) if run else ())]


def _turn(run: list[Json]) -> Iterator[Json]:
    blocks = [block for message in run for block in message["blocks"]]
    return _assistant(blocks) if run[0]["role"] == "assistant" else _user(blocks)


def _assistant(blocks: list[Json]) -> Iterator[Json]:
    text, thoughts, calls = [], [], []
    for block in blocks:
        kind = block["type"]
        if kind == "text":
            text.append(str(block.get("text") or ""))
        elif kind == "thinking":
            thoughts.append(str(block.get("thinking") or ""))
        elif kind == "tool_use":
            function = {
                "name": block.get("name"),
                "arguments": json.dumps(block.get("input") or {}, ensure_ascii=False),
            }
            calls.append({"id": block.get("id"), "type": "function", "function": function})
        elif kind != "redacted_thinking":
            text.append(_foreign(block))
    message: Json = {"role": "assistant", "content": "".join(text)}
    if thought := "".join(thoughts):
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    yield message


def _user(blocks: list[Json]) -> Iterator[Json]:
    """Yield the results of tools, which must follow their calls at once, and then what the user says."""
    parts: list[Json] = []
    for block in blocks:
        if block["type"] == "tool_result":
            said, pictures = _result(block)
            yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": said}
            # In OpenAI's dialect a tool says nothing but text.
            if pictures:
                parts += [{"type": "text", "text": f"What {block.get('tool_use_id')} has returned:"}, *pictures]
        else:
            parts.append(_part(block))
    if parts:
        yield {"role": "user", "content": _joined(parts)}


def _joined(parts: list[Json]) -> str | list[Json]:
    """Return *parts* as a text where they are nothing else, which every engine takes; else with neighbouring texts as one."""
    merged: list[Json] = []
    for part in parts:
        if part["type"] == "text" and merged and merged[-1]["type"] == "text":
            merged[-1] = {"type": "text", "text": merged[-1]["text"] + _SPACE + part["text"]}
        else:
            merged.append(part)
    return str(merged[0]["text"]) if len(merged) == 1 and merged[0]["type"] == "text" else merged


def _result(block: Json) -> tuple[str, list[Json]]:
    """Return what a tool has said as text, and the pictures with it."""
    parts = [_part(each) for each in blocks_of(block.get("content") or "")]
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    if block.get("is_error") and not text.lower().startswith(("error", "<tool_use_error")):
        text = f"Error: {text}"
    return text, [part for part in parts if part["type"] != "text"]


def _part(block: Json) -> Json:
    """Return a *block* of a user's message, or of a result, as a part of OpenAI's."""
    kind = block["type"]
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _url(block.get("source"))}}
    return {"type": "text", "text": _text_of(kind, block)}


def _text_of(kind: str, block: Json) -> str:
    match kind:
        case "text":
            return str(block.get("text") or "")
        case "tool_reference":
            return f"The tool {block.get('tool_name')} is loaded now; call it by that name."
        case "document":
            return _document(block)
        case "search_result":
            about = [str(block[name]) for name in ("title", "source") if block.get(name)]
            return "\n".join([*about, *_texts(block.get("content"))])
        case _:
            return _foreign(block)


def _document(block: Json) -> str:
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    about = [str(block[name]) for name in ("title", "context") if block.get(name)]
    if isinstance(source, dict) and kind == "text":
        return "\n".join([*about, str(source.get("data") or "")])
    if isinstance(source, dict) and kind == "content":
        return "\n".join([*about, *_texts(source.get("content"))])
    raise _unfit("a document that is no text (a PDF, or a file of Anthropic's)", "send its text")


def _texts(content: Any) -> Iterator[str]:
    return (str(each.get("text") or "") for each in blocks_of(content or "") if each["type"] == "text")


def _url(source: Any) -> str:
    kind = source.get("type") if isinstance(source, dict) else None
    if kind == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    if kind == "url":
        return str(source.get("url"))
    raise _unfit("a picture that is a file of Anthropic's", "send it as base64")


def _unfit(what: str, instead: str) -> RequestError:
    return RequestError(
        f"the request holds {what}, which only Anthropic's models can be given; {instead}",
        code=FallbackReason.UNFIT,
        param="messages",
    )


def _foreign(block: Json) -> str:
    """Return what a tool of Anthropic's own has said in an earlier turn, as far as a model can read it."""
    return json.dumps(_readable(block), ensure_ascii=False)


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _readable(each) for name, each in value.items() if not name.startswith(("encrypted", "cache_"))}
    return [_readable(each) for each in value] if isinstance(value, list) else value


def blocks_of(content: Any) -> list[Json]:
    """Return *content* as blocks; a text is one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict) and isinstance(block.get("type"), str)]


def system_text(system: Any) -> str:
    """Return a system prompt, a text or blocks, as one text, without the block that signs the request."""
    texts = (str(block.get("text") or "") for block in blocks_of(system or ""))
    return _SPACE.join(text for text in texts if text and not text.startswith(SIGNATURE_BLOCK))


def _loaded(messages: Iterable[Json]) -> list[str]:
    """Return the names of the tools that the conversation has loaded, first things first."""
    found = []
    for message in messages:
        for block in blocks_of(message["content"]):
            if block["type"] == "tool_result":
                found += [
                    str(each.get("tool_name"))
                    for each in blocks_of(block.get("content") or "")
                    if each["type"] == "tool_reference"
                ]
    return found
