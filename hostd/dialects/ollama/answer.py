"""Answers in Ollama's dialect: one JSON object, or one for each piece of a stream, a line each.

The last object has the sums and the times, in nanoseconds. Its clients divide by them, so none is nought.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hostd.dialects.base import AnswerContext, Dialect, InferenceRequest
from hostd.dialects.from_chat.answer import (
    BrokenAnswerError,
    CallPiece,
    ChatAnswer,
    Piece,
    Usage,
    whole_calls,
)
from hostd.dialects.ollama import errors
from hostd.dialects.ollama.request import only_loads
from hostd.domain.errors import HostdError
from hostd.domain.token_estimate import estimated_tokens

Json = dict[str, Any]

_NANO = 10**9
_MILLI = 10**6


class OllamaWriter:
    """Writes one stream; see `hostd.dialects.from_chat.stream.StreamWriter`. *chat* says which of the two forms it has."""

    def __init__(self, context: AnswerContext, *, chat: bool) -> None:
        self._context = context
        self._chat = chat
        self._calls: list[CallPiece] = []
        self._loads = only_loads(context.request.document)
        self._first = 0.0

    def begin(self, chat_id: str, created: int, prompt_tokens: int) -> bytes:  # noqa: ARG002 - lines have no ids
        """Return nothing: each line tells all."""
        self._first = self._context.clock()
        return b""

    def piece(self, piece: Piece) -> bytes:
        """Return the line that says *piece*; calls are told at the end, whole."""
        self._calls += piece.calls
        if self._loads or not (piece.text or piece.reasoning or piece.refusal):
            return b""
        said = said_as(piece, chat=self._chat)
        return _line(self._context, said | {"done": False})

    def end(self, reason: str, usage: Usage, stop_text: str) -> bytes:  # noqa: ARG002 - Ollama does not tell where it stopped
        """Return a line with the calls, and the last one, with the sums."""
        calls = _calls(self._calls, reason)
        line = b""
        if calls and self._chat:
            message = {"role": "assistant", "content": "", "tool_calls": calls}
            line = _line(self._context, {"message": message, "done": False})
        ended = said_as(Piece(), chat=self._chat) | _sums(self._context, reason, usage, self._first)
        return line + _line(self._context, ended)

    def error_event(self, error: HostdError) -> bytes:
        """Return the line that ends a stream which has failed."""
        return errors.body(error) + b"\n"


def whole_answer(said: ChatAnswer, context: AnswerContext, *, chat: bool) -> bytes:
    """Return a whole answer.

    Raises:
        BrokenAnswerError: The arguments of a call are no object.
    """
    calls = _calls(said.piece.calls, said.reason)
    loads = only_loads(context.request.document)
    told = said_as(Piece() if loads else said.piece, chat=chat)
    if chat and calls:
        told["message"]["tool_calls"] = calls
    return _line(context, told | _sums(context, said.reason, said.usage, 0.0)).rstrip(b"\n")


def freed(request: InferenceRequest, name: str, seconds: float) -> bytes:
    """Return the answer to a *request* that has the model called *name* unloaded, at a time in *seconds* since 1970."""
    said = said_as(Piece(), chat=request.dialect is Dialect.OLLAMA_CHAT)
    told = {"model": name, "created_at": stamp(seconds), **said, "done": True, "done_reason": "unload"}
    return json.dumps(told).encode() + b"\n"


def said_as(piece: Piece, *, chat: bool) -> Json:
    """Return what *piece* says in the form of a *chat*, or of a text."""
    logprobs = {"logprobs": list(piece.logprobs)} if piece.logprobs else {}
    thought = {"thinking": piece.reasoning} if piece.reasoning else {}
    text = piece.text or piece.refusal
    if chat:
        return {"message": {"role": "assistant", "content": text, **thought}, **logprobs}
    return {"response": text, **thought, **logprobs}


def vectors_answer(document: Json, context: AnswerContext) -> Json:
    """Return the vectors in *document*, an answer in OpenAI's dialect, under the name of the model.

    Raises:
        BrokenAnswerError: They are no lists of numbers.
    """
    vectors = vectors_in(document)
    usage = document.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else 0
    total, load = _durations(context)
    return {
        "model": context.name,
        "embeddings": vectors,
        "total_duration": total,
        "load_duration": load,
        "prompt_eval_count": count if isinstance(count, int) else 0,
    }


def vectors_in(document: Json) -> list[list[float]]:
    """Return the vectors in *document*, in their order.

    Raises:
        BrokenAnswerError: They are no lists of numbers.
    """
    data = document.get("data")
    found: list[Any] = (
        [each.get("embedding") for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    )
    if not found or not all(isinstance(vector, list) and vector for vector in found):
        raise BrokenAnswerError("the engine sent vectors that are no lists of numbers")
    return found


def stamp(seconds: float) -> str:
    """Return a time in *seconds* since 1970 as Ollama writes it (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _line(context: AnswerContext, members: Json) -> bytes:
    told = {"model": context.name, "created_at": stamp(context.clock()), **members}
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _sums(context: AnswerContext, reason: str, usage: Usage, first: float) -> Json:
    if only_loads(context.request.document):
        return {"done": True, "done_reason": "load"}
    asked = context.request.chat
    now = context.clock()
    first = first or now
    total, load = _durations(context)
    return {
        "done": True,
        "done_reason": "length" if reason == "length" else "stop",
        "total_duration": total,
        "load_duration": load,
        "prompt_eval_count": usage.prompt or (0 if asked is None else estimated_tokens(asked.size)),
        "prompt_eval_duration": max(1, round(usage.prompt_ms * _MILLI) or round((first - context.began) * _NANO)),
        "eval_count": usage.answer,
        "eval_duration": max(1, round(usage.answer_ms * _MILLI) or round((now - first) * _NANO)),
    }


def _durations(context: AnswerContext) -> tuple[int, int]:
    """Return the whole time of the request, its wait included, and what of it the model was loaded in."""
    total = context.waited + max(0.0, context.clock() - context.began)
    return max(1, round(total * _NANO)), max(1, round(context.loaded * _NANO))


def _calls(pieces: Iterable[CallPiece], reason: str) -> list[Json]:
    """Return the calls of an answer that is over for *reason*."""
    return [
        {"id": call.call_id, "function": {"index": at, "name": call.name, "arguments": call.arguments}}
        for at, call in enumerate(whole_calls(pieces, cut=reason == "length"))
    ]
