"""Keeps Ollama from truncating prompts silently.

Its OpenAI routes have no option against it: a chat that is too long loses its oldest messages, a prompt its middle, and an
answer that reaches the end of the context continues without its beginning. Its own routes accept ``truncate: false`` and then
refuse. So three checks are made, the cheapest first:

1. No token spans two words, so a request with more words than the context has tokens is refused without asking.
2. No token has less than one byte, so a request of fewer bytes, template included, certainly fits.
3. Anything between is first sent to the route that refuses, for one token. Ollama caches the prompt that it prefilled, so the
   request proper does not prefill it again.

What remains: a picture counts as nothing in 1, and a request with one is not sent to 3.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hostd.backends.http.client import HttpClient
from hostd.dialects.json_text import JsonError, parse_json
from hostd.domain.errors import RequestError

# Bytes that templates and tools' descriptions put around a chat and around each message, generously.
_AROUND = 256
_AROUND_MESSAGE = 32
_WORD = re.compile(r"\S+")
_REFUSALS = ("exceed_context_size_error", "exceeds the available context", "longer than the context", "context length")


def refuse_certain(body: Mapping[str, Any], context: int) -> None:
    """Return unless *body* has more words than *context* has tokens.

    Raises:
        RequestError: It has; ``context_length_exceeded``.
    """
    if "input" in body:
        longest = max((_words([text]) for text in _texts(body["input"])), default=0)
    else:
        longest = _words(_texts([body.get("messages"), body.get("prompt"), body.get("tools")]))
    if longest > context:
        raise _too_long(f"at least {longest} tokens", context)


def room_for_answer(body: Mapping[str, Any], context: int) -> int:
    """Return how many tokens an answer can have at most: a longer one would push its own beginning out of the context."""
    return max(1, context - _words(_texts([body.get("messages"), body.get("prompt")])))


async def ensure_fits(
    http: HttpClient, url: str, headers: Mapping[str, str], body: Mapping[str, Any], context: int
) -> None:
    """Return if *body*, as it would be sent, certainly fits, or if the Ollama at *url* says so.

    Raises:
        RequestError: It does not fit; ``context_length_exceeded``.
        ExchangeError: Ollama does not answer.
    """
    if _most(body) <= context or _has_picture(body):
        return
    route, question = _question(body)
    # No time limit: the prompt is prefilled here, which the caller's own limits watch.
    answer = await http.ask(url + route, headers, question, seconds=None)
    said = answer.text if answer.status == 400 else ""
    if any(words in said for words in _REFUSALS):
        raise _too_long("more tokens than that", context)


def _question(body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the native request that prefills the same prompt, refuses to truncate it, and generates one token."""
    common = {"model": body.get("model"), "truncate": False}
    if "input" in body:
        return "/api/embed", {**common, "input": body["input"]}
    common |= {"stream": False, "options": {"num_predict": 1}}
    if "messages" not in body:
        return "/api/generate", {**common, "prompt": "".join(_texts(body.get("prompt")))}
    messages = [_native(message) for message in _messages(body)]
    tools = {"tools": body["tools"]} if body.get("tools") else {}
    return "/api/chat", {**common, "messages": messages, **tools}


def _native(message: Mapping[str, Any]) -> dict[str, Any]:
    calls = [
        {
            "function": {
                "name": str(call["function"].get("name")),
                "arguments": _document(call["function"].get("arguments")),
            }
        }
        for call in _list(message.get("tool_calls"))
        if isinstance(call, dict) and isinstance(call.get("function"), dict)
    ]
    text = "\n".join(_texts(message.get("content")))
    return {"role": message.get("role", "user"), "content": text} | ({"tool_calls": calls} if calls else {})


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [message for message in _list(body.get("messages")) if isinstance(message, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _document(text: object) -> dict[str, Any]:
    try:
        found = parse_json(str(text).encode("utf-8", "surrogatepass"))
    except JsonError:
        found = None
    return found if isinstance(found, dict) else {"arguments": text}


def _words(texts: Iterator[str] | list[str]) -> int:
    return sum(sum(1 for _ in _WORD.finditer(text)) for text in texts)


def _most(body: Mapping[str, Any]) -> int:
    messages = body.get("messages")
    around = _AROUND + _AROUND_MESSAGE * (len(messages) if isinstance(messages, list) else 0)
    texts = [body.get("messages"), body.get("prompt"), body.get("tools"), body.get("input")]
    # Keys count, too: templates write tools and calls out with them.
    return around + len(str(texts).encode())


def _has_picture(body: Mapping[str, Any]) -> bool:
    contents = [message.get("content") for message in _messages(body)]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and part.get("type") != "text" for part in parts)


def _texts(value: object) -> Iterator[str]:
    """Yield the texts anywhere in *value*; pictures, which are data in a text, are none."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _too_long(how_long: str, context: int) -> RequestError:
    return RequestError(
        f"the request has {how_long} and the model's context is {context}; shorten it, or use a model with a longer context",
        code="context_length_exceeded",
        param="messages",
    )
