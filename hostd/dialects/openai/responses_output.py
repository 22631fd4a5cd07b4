"""What a Responses answer consists of: the response object with its items, and the events by which a stream tells of them.

The same items make both: a whole answer is the last event of its stream.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hostd.dialects.base import AnswerContext
from hostd.dialects.from_chat.answer import CallPiece, ChatAnswer, Piece, Usage
from hostd.dialects.openai import errors
from hostd.dialects.openai.responses_input import sealed
from hostd.dialects.openai.responses_request import functions_of
from hostd.dialects.openai.stored_responses import PREVIOUS
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.token_estimate import estimated_tokens

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_DEFAULTS: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "user": None,
    "metadata": {},
}
"""Members of a request that its response repeats, and what they are where the request has none."""
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_SEALED = "reasoning.encrypted_content"


class ResponseItems:
    """The items of one answer, as they come. Ids are made of *answer_id*; *seals* says that the client keeps thought for us.

    Thought and text are over when something else begins, calls when the answer is.
    """

    def __init__(self, answer_id: str, *, seals: bool) -> None:
        self.items: list[Json] = []
        self._answer_id = answer_id
        self._seals = seals
        self._texts: list[list[str]] = []
        self._logprobs: list[Json] = []
        self._open = -1
        self._calls: dict[int, int] = {}

    def add(self, piece: Piece) -> Iterator[Json]:
        """Yield the events that say *piece*."""
        if piece.reasoning:
            yield from self._say("reasoning", "reasoning_text", piece.reasoning)
        if piece.text:
            logprobs = [_logprob(each) for each in piece.logprobs]
            yield from self._say("message", "output_text", piece.text, logprobs)
        if piece.refusal:
            yield from self._say("message", "refusal", piece.refusal)
        for call in piece.calls:
            yield from self._call(call)

    def close(self, status: str) -> Iterator[Json]:
        """Yield the events that end what is open; the last item has *status*."""
        last = self.items[-1] if self.items else None
        if self._open >= 0:
            yield from self._close_text("completed" if self.items[self._open] is not last else status)
        for at in self._calls.values():
            yield from self._close_call(at, "completed" if self.items[at] is not last else status)

    def _say(self, kind: str, part: str, text: str, logprobs: list[Json] | None = None) -> Iterator[Json]:
        if self._open < 0 or self._part_of(self._open)["type"] != part:
            if self._open >= 0:
                yield from self._close_text("completed")
            yield from self._open_text(kind, part)
        at = self._open
        self._texts[at].append(text)
        self._logprobs += logprobs or []
        event = {"item_id": self.items[at]["id"], "output_index": at, "content_index": 0, "delta": text}
        yield _event(f"response.{part}.delta", event | ({"logprobs": logprobs or []} if part == "output_text" else {}))

    def _part_of(self, at: int) -> Json:
        content: list[Json] = self.items[at]["content"]
        return content[0]

    def _open_text(self, kind: str, part: str) -> Iterator[Json]:
        at = self._open = len(self.items)
        item: Json = {"id": f"{'rs' if kind == 'reasoning' else 'msg'}_{self._answer_id}_{at}", "type": kind}
        if kind == "reasoning":
            item["summary"] = []
        else:
            item["role"] = "assistant"
        yield from self._added({**item, "status": "in_progress", "content": []})
        self.items[at]["content"] = [_part(part, "")]
        self._logprobs = []
        place = {"item_id": item["id"], "output_index": at, "content_index": 0}
        yield _event("response.content_part.added", {**place, "part": _part(part, "")})

    def _close_text(self, status: str) -> Iterator[Json]:
        at, self._open = self._open, -1
        item, text = self.items[at], "".join(self._texts[at])
        kind = self._part_of(at)["type"]
        part = _part(kind, text, self._logprobs)
        item |= {"status": status, "content": [part]}
        if self._seals and kind == "reasoning_text":
            item["encrypted_content"] = sealed(text)
        place = {"item_id": item["id"], "output_index": at, "content_index": 0}
        said = {name: part[name] for name in ("text", "refusal", "logprobs") if name in part}
        yield _event(f"response.{kind}.done", place | said)
        yield _event("response.content_part.done", {**place, "part": part})
        yield _event("response.output_item.done", {"output_index": at, "item": item})

    def _call(self, call: CallPiece) -> Iterator[Json]:
        at = self._calls.get(call.number)
        if at is None:
            if self._open >= 0:
                yield from self._close_text("completed")
            at = self._calls[call.number] = len(self.items)
            item = {"id": f"fc_{self._answer_id}_{at}", "type": "function_call", "status": "in_progress"}
            called = {"call_id": call.call_id or f"call_{self._answer_id}_{at}", "name": call.name, "arguments": ""}
            yield from self._added(item | called)
        if call.arguments:
            self._texts[at].append(call.arguments)
            place = {"item_id": self.items[at]["id"], "output_index": at}
            yield _event("response.function_call_arguments.delta", {**place, "delta": call.arguments})

    def _close_call(self, at: int, status: str) -> Iterator[Json]:
        item = self.items[at]
        # A call without arguments has none, not nothing.
        arguments = "".join(self._texts[at]) or ("{}" if status == "completed" else "")
        item |= {"status": status, "arguments": arguments}
        place = {"item_id": item["id"], "output_index": at, "name": item["name"]}
        yield _event("response.function_call_arguments.done", {**place, "arguments": arguments})
        yield _event("response.output_item.done", {"output_index": at, "item": item})

    def _added(self, item: Json) -> Iterator[Json]:
        at = len(self.items)
        self.items.append(item)
        self._texts.append([])
        yield _event("response.output_item.added", {"output_index": at, "item": dict(item)})


class ResponsesWriter:
    """Writes one stream of events; see `hostd.dialects.from_chat.stream.StreamWriter`. They are numbered from 0."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._head = response_head(context, "", 0)
        self._items = ResponseItems("", seals=False)
        self._number = 0

    def begin(self, chat_id: str, created: int, prompt_tokens: int) -> bytes:  # noqa: ARG002 - told at the end alone
        """Return the events that tell of the response itself."""
        self._head = response_head(self._context, chat_id, created)
        self._items = _items(self._context, str(self._head["id"]))
        begun = self._head | {"status": "in_progress"}
        return self._written([_event(f"response.{what}", {"response": begun}) for what in ("created", "in_progress")])

    def piece(self, piece: Piece) -> bytes:
        """Return the events that say *piece*."""
        return self._written(self._items.add(piece))

    def end(self, reason: str, usage: Usage, stop_text: str) -> bytes:  # noqa: ARG002 - no response tells where it stopped
        """Return the events that end what is open, and the one with the whole response."""
        status = _status(reason)
        closing = self._written(self._items.close(status))
        ended = _ended(self._head, self._items, reason, _usage(self._context, usage))
        return closing + self._written([_event(f"response.{status}", {"response": ended})])

    def error_event(self, error: HostdError) -> bytes:
        """Return the events that end a response which has failed."""
        return self._written(failure_events(error, self._head | {"output": self._items.items}))

    def _written(self, events: "Iterator[Json] | list[Json]") -> bytes:
        said = []
        for event in events:
            event["sequence_number"] = self._number
            self._number += 1
            said.append(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), _encode(event)))
        return b"".join(said)


def whole_response(said: ChatAnswer, context: AnswerContext) -> bytes:
    """Return the response object of a whole answer."""
    head = response_head(context, said.chat_id, said.created)
    items = _items(context, str(head["id"]))
    for _ in (*items.add(said.piece), *items.close(_status(said.reason))):
        pass
    return _encode(_ended(head, items, said.reason, _usage(context, said.usage)))


def failure_events(error: HostdError, head: Json) -> list[Json]:
    """Return the events that tell a client of *error*: SDKs raise the first one, and Codex reads the second."""
    told = errors.in_stream(error)
    flat = {name: told[name] for name in ("code", "message", "param")}
    failed = head | {"status": "failed", "error": {"code": _failure_code(error), "message": error.message}}
    return [_event("error", {**flat, "error": told}), _event("response.failed", {"response": failed})]


def written(events: list[Json]) -> bytes:
    """Return *events* of a response of which nothing was told before."""
    return numbered(events, 0)


def numbered(events: Iterable[Json], first: int) -> bytes:
    """Return all *events* of a response from the one of number *first* on."""
    told = [{**event, "sequence_number": number} for number, event in enumerate(events) if number >= first]
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), _encode(event)) for event in told)


def response_head(context: AnswerContext, chat_id: str, created: int) -> Json:
    """Return the response object as far as it is known before the answer."""
    request = context.request
    response_id = request.kept_as or f"resp_{chat_id.removeprefix('chatcmpl-') or context.request_id}"
    head = bare_head(response_id, created or int(context.clock()), context.name) | _repeated(request.document)
    return head | {"store": bool(request.kept_as), PREVIOUS: request.document.get(PREVIOUS) or None}


def bare_head(response_id: str, created: int, model: str) -> Json:
    """Return a response object that repeats nothing of its request."""
    fixed = {"background": False, "error": None, "incomplete_details": None, "previous_response_id": None}
    more = {"service_tier": "default", "store": False, "truncation": "disabled", "usage": None, "output": []}
    head = {"id": response_id, "object": "response", "created_at": created, "status": "in_progress", "model": model}
    return {**head, **fixed, **more, **_DEFAULTS, "reasoning": {"effort": None, "summary": None}, "tools": []}


def _repeated(document: RequestDocument) -> Json:
    given: Json = {name: msgspec.Raw(document.raw(name) or b"null") for name in _DEFAULTS if document.is_true(name)}
    # What may be false, or nought.
    given |= {name: value for name in ("temperature", "top_p") if (value := document.get(name)) is not None}
    if isinstance(parallel := document.get("parallel_tool_calls"), bool):
        given["parallel_tool_calls"] = parallel
    if isinstance(thought := document.get("reasoning"), dict):
        given["reasoning"] = {"effort": thought.get("effort"), "summary": thought.get("summary")}
    if isinstance(text := document.get("text"), dict):
        given["text"] = {"format": {"type": "text"}} | {
            name: value for name, value in text.items() if value is not None
        }
    defaults = {"parameters": None, "strict": False}
    return given | {"tools": [defaults | tool for tool in functions_of(document.get("tools"))]}


def _items(context: AnswerContext, response_id: str) -> ResponseItems:
    include = context.request.document.get("include")
    seals = isinstance(include, list) and _SEALED in include
    return ResponseItems(response_id.removeprefix("resp_"), seals=seals)


def _ended(head: Json, items: ResponseItems, reason: str, usage: Json) -> Json:
    why = _INCOMPLETE.get(reason)
    details = None if why is None else {"reason": why}
    return head | {"status": _status(reason), "incomplete_details": details, "output": items.items, "usage": usage}


def _status(reason: str) -> str:
    return "incomplete" if reason in _INCOMPLETE else "completed"


def _usage(context: AnswerContext, usage: Usage) -> Json:
    asked = context.request.chat
    prompt = usage.prompt or (0 if asked is None else estimated_tokens(asked.size))
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.answer,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": prompt + usage.answer,
    }


def _failure_code(error: HostdError) -> str:
    """Return the code of a failed response: clients ask again after all but a few."""
    if isinstance(error, RequestError):
        return error.code if error.code == "context_length_exceeded" else "invalid_prompt"
    return "rate_limit_exceeded" if error.status == 429 else "server_error"


def _part(kind: str, text: str, logprobs: list[Json] | None = None) -> Json:
    if kind == "refusal":
        return {"type": kind, "refusal": text}
    part: Json = {"type": kind, "text": text}
    return part | {"annotations": [], "logprobs": list(logprobs or [])} if kind == "output_text" else part


def _logprob(said: Json) -> Json:
    top = said.get("top_logprobs")
    others = [_token(each) for each in top if isinstance(each, dict)] if isinstance(top, list) else []
    return _token(said) | {"top_logprobs": others}


def _token(said: Json) -> Json:
    token, logprob, given = said.get("token"), said.get("logprob"), said.get("bytes")
    text = token if isinstance(token, str) else ""
    return {
        "token": text,
        "logprob": logprob if isinstance(logprob, int | float) else 0.0,
        "bytes": given if isinstance(given, list) else list(text.encode("utf-8", "replace")),
    }


def _event(kind: str, members: Json) -> Json:
    return {"type": kind, **members}
