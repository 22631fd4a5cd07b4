"""What a chat completion says, whoever wrote it: the pieces of its message, why it is over, and what it cost.

Reading never fails: what has an unexpected shape is left out. Servers differ in the names for thought (``reasoning_content``,
``reasoning``), give content as a text or in parts, and number tool calls or begin each with an id.
"""

import json
from typing import Any, NamedTuple

Json = dict[str, Any]

_MOST_TOKENS = 10**12
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
_BYTES_PER_TOKEN = 4
"""Bytes of text that make one token, about, where an engine counts none."""


class BrokenAnswerError(ValueError):
    """An answer that cannot be said in the client's dialect; the text says why, as a sentence about the engine."""


class CallPiece(NamedTuple):
    """A part of the tool call *number*, counted from 0: *call_id* and *name* come once, *arguments* in pieces.

    Where a server numbers none, *number* is -1, and an id begins the next one.
    """

    number: int
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class Piece(NamedTuple):
    """What a chunk adds to a message, or all that the message says. *logprobs* are those of the tokens of *text*."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[CallPiece, ...] = ()
    logprobs: tuple[Json, ...] = ()


class Usage(NamedTuple):
    """What an answer cost, in tokens: *cached* ones are part of the prompt, *reasoning* ones of the answer.

    *prompt_ms* and *answer_ms* are how long the engine took to read and to write, 0 where it does not say.
    """

    prompt: int = 0
    answer: int = 0
    cached: int = 0
    reasoning: int = 0
    prompt_ms: float = 0.0
    answer_ms: float = 0.0


class ChatAnswer(NamedTuple):
    """A whole chat completion. *reason* is one of OpenAI's finish reasons; *created* is in seconds since 1970, 0 if unknown."""

    piece: Piece
    reason: str
    usage: Usage
    chat_id: str = ""
    created: int = 0


def answer_of(document: Json) -> ChatAnswer:
    """Return what the first choice of a whole chat completion says."""
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    piece = piece_of(said_by(choice, "message"), choice.get("logprobs"))
    piece = piece._replace(calls=tuple(call._replace(number=at) for at, call in enumerate(piece.calls)))
    reason = reason_of(choice.get("finish_reason"), called=bool(piece.calls))
    created = document.get("created")
    return ChatAnswer(
        piece, reason, usage_of(document), _text(document.get("id")), created if isinstance(created, int) else 0
    )


def said_by(choice: Json, name: str) -> object:
    """Return what *choice* says under *name*, ``message`` or ``delta``; the text of a completion stands for one."""
    return {"content": choice["text"]} if "text" in choice else choice.get(name)


def piece_of(message: object, logprobs: object = None) -> Piece:
    """Return what *message*, or the delta of a chunk, says."""
    if not isinstance(message, dict):
        return Piece()
    said = message.get("tool_calls")
    calls = tuple(_call(each) for each in said if isinstance(each, dict)) if isinstance(said, list) else ()
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return Piece(
        _content(message.get("content")),
        _content(message.get("reasoning_content") or message.get("reasoning")),
        _text(message.get("refusal")),
        calls,
        tuple(each for each in content if isinstance(each, dict)) if isinstance(content, list) else (),
    )


def numbered(call: CallPiece, latest: int) -> CallPiece:
    """Return *call* with its number, where *latest* is that of the piece before, -1 at the beginning."""
    if call.number >= 0:
        return call
    return call._replace(number=latest + 1 if call.call_id or latest < 0 else latest)


def reason_of(said: object, *, called: bool) -> str:
    """Return a finish reason as one of OpenAI's; an answer that *called* tools is over for that, as some servers do not say."""
    reason = said if isinstance(said, str) and said in _REASONS else "stop"
    return "tool_calls" if called and reason == "stop" else reason


def usage_of(document: Json) -> Usage:
    """Return the sums that a completion or its last chunk tells; llama-server's ``timings`` stand in where there is no usage."""
    usage, timings = _object(document.get("usage")), _object(document.get("timings"))
    cached = _count(_object(usage.get("prompt_tokens_details")).get("cached_tokens")) or _count(timings.get("cache_n"))
    return Usage(
        _count(usage.get("prompt_tokens")) or _count(timings.get("prompt_n")) + _count(timings.get("cache_n")),
        _count(usage.get("completion_tokens")) or _count(timings.get("predicted_n")),
        cached,
        _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        _milliseconds(timings.get("prompt_ms")),
        _milliseconds(timings.get("predicted_ms")),
    )


def estimated_tokens(size: int) -> int:
    """Return about how many tokens *size* bytes of text are."""
    return -(-size // _BYTES_PER_TOKEN)


def _call(said: Json) -> CallPiece:
    index = said.get("index")
    function = _object(said.get("function"))
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        # Some servers send an object, as Ollama does.
        arguments = json.dumps(arguments)
    number = index if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else -1
    return CallPiece(number, _text(said.get("id")), _text(function.get("name")), _text(arguments))


def _content(content: object) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return _text(content)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else 0


def _milliseconds(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 else 0.0  # type: ignore[operator,arg-type]
