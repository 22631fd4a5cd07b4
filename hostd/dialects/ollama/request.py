"""Requests in Ollama's dialect as OpenAI's, which every engine speaks.

Options that only shape a load (``num_ctx``, ``num_gpu``) are hints, and reload nothing.
Source: https://github.com/ollama/ollama/blob/main/docs/api.md, and the requests of its clients.
"""

import json
from collections.abc import Iterator
from typing import Any

from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.from_chat.shapes import bad, objects, optional_object, optional_text, whole_number
from hostd.dialects.openai.thinking import words_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.thinking import ThinkingWish

Json = dict[str, Any]

_ROLES = ("system", "user", "assistant", "tool")
_SAMPLING = {
    **{name: name for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop")},
    **{name: name for name in ("presence_penalty", "frequency_penalty", "repeat_penalty", "repeat_last_n")},
    **{name: name for name in ("mirostat", "mirostat_eta", "mirostat_tau")},
}
_PICTURES = {"iVBOR": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}
"""How pictures of each kind begin in base64."""


def chat_request(document: RequestDocument, model: str) -> RequestDocument:
    """Return a chat as one to *model* in OpenAI's dialect; one without messages, which only loads, asks for the least.

    Raises:
        RequestError: A member has the wrong shape.
    """
    messages = list(_messages(objects(document.get("messages"), "messages")))
    asked = _asked(document, model) | {"messages": messages}
    if not messages:
        return RequestDocument.of(asked | _LEAST)
    if tools := objects(document.get("tools"), "tools"):
        asked["tools"] = tools
    return RequestDocument.of(asked)


def generate_request(document: RequestDocument, model: str) -> RequestDocument:
    """Return a request for a text as a chat of one turn.

    Raises:
        RequestError: A member has the wrong shape.
    """
    prompt = optional_text(document.get("prompt"), "prompt")
    asked = _asked(document, model)
    if not prompt and not document.is_true("images"):
        return RequestDocument.of(asked | _LEAST)
    messages = [{"role": "user", "content": _content(prompt, document.get("images"), "images")}]
    if system := optional_text(document.get("system"), "system"):
        messages.insert(0, {"role": "system", "content": system})
    return RequestDocument.of(asked | {"messages": messages})


def raw_request(document: RequestDocument, model: str) -> RequestDocument:
    """Return a request for a text that no template is applied to, or that fills a gap, as a completion.

    Raises:
        RequestError: A member has the wrong shape.
    """
    asked = _asked(document, model) | {"prompt": optional_text(document.get("prompt"), "prompt")}
    if suffix := optional_text(document.get("suffix"), "suffix"):
        asked["suffix"] = suffix
    return RequestDocument.of(asked)


def vectors_request(document: RequestDocument, model: str, member: str) -> RequestDocument:
    """Return a request for the vectors of what stands in *member*.

    Raises:
        RequestError: That is neither a text nor a list of texts.
    """
    given = document.get(member)
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise bad(member, "a text" if member == "prompt" else "a text or a list of texts")
    asked: Json = {"model": model, "input": texts, "encoding_format": "float"}
    if (dimensions := whole_number(document.get("dimensions"))) is not None:
        asked["dimensions"] = dimensions
    if document.get("keep_alive") is not None:
        asked["keep_alive"] = document["keep_alive"]
    return RequestDocument.of(asked)


def only_loads(document: RequestDocument) -> bool:
    """Return whether a request has nothing to answer: by such ones clients have models loaded."""
    return not document.is_true("messages") and not document.is_true("prompt") and not document.is_true("images")


def only_frees(request: InferenceRequest) -> bool:
    """Return whether *request* has nothing to answer, and wants its model unloaded."""
    if request.keep_alive != 0:
        return False
    return request.dialect in (Dialect.OLLAMA_CHAT, Dialect.OLLAMA_GENERATE) and only_loads(request.document)


_LEAST: Json = {"messages": [{"role": "user", "content": "1"}], "max_tokens": 1}


def _asked(document: RequestDocument, model: str) -> Json:
    """Return what chats and texts have in common."""
    options = optional_object(document.get("options"), "options")
    asked: Json = {"model": model}
    asked |= {ours: options[name] for name, ours in _SAMPLING.items() if options.get(name) is not None}
    if "repeat_penalty" in asked:
        # vLLM and others know it by this name; each engine is given what it knows.
        asked["repetition_penalty"] = asked["repeat_penalty"]
    limit = whole_number(options.get("num_predict"))
    if limit is not None and limit > 0:
        asked["max_tokens"] = limit
    asked |= _format(document.get("format")) | _thought(document.get("think")) | _logprobs(document)
    if document.get("keep_alive") is not None:
        asked["keep_alive"] = document["keep_alive"]
    # A stream is what is asked for where nothing is said.
    if document.flag("stream") is not False:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return asked


def _format(form: object) -> Json:
    if form in (None, ""):
        return {}
    if form == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(form, dict):
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": form}}}
    raise bad("format", "'json' or a JSON schema")


def _thought(think: object) -> Json:
    """Return whether, or how much, the model is to think."""
    if think is None or think == "":
        return {}
    if isinstance(think, bool):
        return words_of(ThinkingWish(think))
    if isinstance(think, str):
        return words_of(ThinkingWish.of_effort(think))
    raise bad("think", "true, false, or how much")


def _logprobs(document: RequestDocument) -> Json:
    if document.get("logprobs") is not True:
        return {}
    most = whole_number(document.get("top_logprobs")) or 0
    return {"logprobs": True} | ({"top_logprobs": most} if most > 0 else {})


def _messages(given: list[Json]) -> Iterator[Json]:
    """Yield messages; calls get ids, which Ollama has none of, by their place, so that they are the same in each turn."""
    waiting: list[tuple[str, str]] = []
    number = 0
    for at, message in enumerate(given):
        where = f"messages[{at}]"
        role = message.get("role")
        if role not in _ROLES:
            raise bad(f"{where}.role", "system, user, assistant or tool")
        text = optional_text(message.get("content"), f"{where}.content")
        said: Json = {"role": role, "content": _content(text, message.get("images"), f"{where}.images")}
        if role == "tool":
            said["tool_call_id"] = _answered(message, waiting, number)
        elif role == "assistant":
            if thought := optional_text(message.get("thinking"), f"{where}.thinking"):
                said["reasoning_content"] = thought
            calls = objects(message.get("tool_calls"), f"{where}.tool_calls")
            if calls:
                said["tool_calls"] = [_call(call, number + n, where) for n, call in enumerate(calls)]
                waiting = [(call["id"], call["function"]["name"]) for call in said["tool_calls"]]
                number += len(calls)
        yield said


def _call(call: Json, number: int, where: str) -> Json:
    function = optional_object(call.get("function"), f"{where}.tool_calls")
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or not name:
        raise bad(f"{where}.tool_calls", "calls of functions with a 'name'")
    text = arguments if isinstance(arguments, str) else json.dumps(optional_object(arguments, f"{where}.tool_calls"))
    given = call.get("id")
    call_id = given if isinstance(given, str) and given else f"call_{number}"
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text or "{}"}}


def _answered(message: Json, waiting: list[tuple[str, str]], number: int) -> str:
    """Return the id of the call whose result *message* is: the one that it names, or the first of its tool's that has none yet."""
    given = message.get("tool_call_id")
    if isinstance(given, str) and given:
        return given
    tool = message.get("tool_name") or message.get("name")
    found = next((call for call in waiting if call[1] == tool), waiting[0] if waiting else None)
    if found is None:
        return f"call_{number}"
    waiting.remove(found)
    return found[0]


def _content(text: str, images: object, where: str) -> str | list[Json]:
    if not images:
        return text
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise bad(where, "a list of pictures in base64")
    parts: list[Json] = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in images]
    return [{"type": "text", "text": text}, *parts] if text else parts


def _data_url(image: str) -> str:
    if image.startswith("data:"):
        return image
    kind = next((name for start, name in _PICTURES.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{image}"
