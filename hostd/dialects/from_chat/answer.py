"""What a chat completion says, whoever wrote it: the pieces of its message, why it is over, and what it cost.

What has an unexpected shape is left out; what no client could use is refused. Servers differ in the names for thought
(``reasoning_content``, ``reasoning``), give content as a text or in parts, and number tool calls or begin each with an id.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.json_text import JsonError, parse_json

Json = dict[str, Any]

_MOST_TOKENS = 10**12
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})


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


class Call(NamedTuple):
    """A whole tool call."""

    call_id: str
    name: str
    arguments: Json


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
    """A whole chat completion. *reason* is one of OpenAI's finish reasons; *created* is in seconds since 1970, 0 if unknown.

    *stop_text* is the text of the request's at which the answer has stopped, where the engine tells it.
    """

    piece: Piece
    reason: str
    usage: Usage
    chat_id: str = ""
    created: int = 0
    stop_text: str = ""


def answer_of(document: Json) -> ChatAnswer:
    """Return what the first choice of a whole chat completion says.

    Raises:
        BrokenAnswerError: It has no message.
    """
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message, created = said_by(choice, "message"), document.get("created")
    if not isinstance(message, dict):
        raise BrokenAnswerError("the engine sent an answer without a message")
    piece = piece_of(message, choice.get("logprobs"))
    piece = piece._replace(calls=tuple(call._replace(number=at) for at, call in enumerate(piece.calls)))
    return ChatAnswer(
        piece,
        reason_of(choice.get("finish_reason"), called=bool(piece.calls)),
        usage_of(document),
        _text(document.get("id")),
        created if isinstance(created, int) else 0,
        stop_text_of(choice),
    )


def said_by(choice: Json, name: str) -> object:
    """Return what *choice* says under *name*, ``message`` or ``delta``; the text of a completion stands for one."""
    return {"content": choice["text"]} if "text" in choice else choice.get(name)


def piece_of(message: object, logprobs: object = None) -> Piece:
    """Return what *message*, or the delta of a chunk, says."""
    if not isinstance(message, dict):
        return Piece()
    calls: tuple[CallPiece, ...] = ()
    likely: tuple[Json, ...] = ()
    said = message.get("tool_calls")
    if isinstance(said, list):
        calls = tuple(_call(each) for each in said if isinstance(each, dict))
    if isinstance(logprobs, dict) and isinstance(content := logprobs.get("content"), list):
        likely = tuple(each for each in content if isinstance(each, dict))
    thought = message.get("reasoning_content") or message.get("reasoning")
    return Piece(
        _content(message.get("content")),
        _content(thought) if thought else "",
        _text(message.get("refusal")),
        calls,
        likely,
    )


class CallOrder:
    """The tool calls of a streamed answer, which follow one another; each is checked when the next one begins."""

    def __init__(self) -> None:
        self._latest = -1
        self._begun: set[int] = set()
        self._arguments: list[str] = []

    @property
    def any(self) -> bool:
        """Whether there is any call."""
        return bool(self._begun)

    def placed(self, call: CallPiece) -> CallPiece:
        """Return *call* with its number.

        Raises:
            BrokenAnswerError: It belongs to a call that was over, or begins one after a call that no client could read.
        """
        number = call.number
        if number < 0:
            number = self._latest + 1 if call.call_id or self._latest < 0 else self._latest
        if number != self._latest:
            if number in self._begun:
                raise BrokenAnswerError("the engine went back to a tool call that was over")
            self.check()
            self._begun.add(number)
            self._latest, self._arguments = number, []
        self._arguments.append(call.arguments)
        return call._replace(number=number)

    def check(self) -> None:
        """Return if the latest call is whole.

        Raises:
            BrokenAnswerError: Its arguments are no JSON object, which each client would report as its own mistake.
        """
        if arguments_of("".join(self._arguments)) is None:
            raise BrokenAnswerError(MALFORMED_CALL)


def whole_calls(pieces: Iterable[CallPiece], *, cut: bool) -> list[Call]:
    """Return the calls of an answer that are made of *pieces*; where it was *cut* at its limit, half of one is left out.

    Raises:
        BrokenAnswerError: The arguments of one are no object.
    """
    heads: dict[int, CallPiece] = {}
    said: dict[int, list[str]] = {}
    for piece in pieces:
        heads.setdefault(piece.number, piece)
        said.setdefault(piece.number, []).append(piece.arguments)
    found: list[Call] = []
    for number, head in heads.items():
        arguments = arguments_of("".join(said[number]))
        if arguments is not None:
            found.append(Call(head.call_id or f"call_{number}", head.name, arguments))
        elif not cut:
            raise BrokenAnswerError(MALFORMED_CALL)
    return found


def arguments_of(text: object) -> Json | None:
    """Return the arguments of a tool call, none where *text* is empty; None where it is no JSON object."""
    if isinstance(text, dict):
        return text
    if text is None or (isinstance(text, str) and not text.strip()):
        return {}
    if not isinstance(text, str):
        return None
    try:
        found = parse_json(text.encode("utf-8", "replace"))
    except JsonError:
        return None
    return found if isinstance(found, dict) else None


def reason_of(said: object, *, called: bool) -> str:
    """Return a finish reason as one of OpenAI's; an answer that *called* tools is over for that, as some servers do not say."""
    reason = said if isinstance(said, str) and said in _REASONS else "stop"
    return "tool_calls" if called and reason == "stop" else reason


def stop_text_of(choice: Json) -> str:
    """Return the text at which *choice* has stopped, which vLLM tells in a member of its own; empty where it is not known."""
    return _text(choice.get("stop_reason"))


def usage_of(document: Json) -> Usage:
    """Return the sums that a completion or its last chunk tells; llama-server's ``timings`` stand in where there is no usage."""
    usage, timings = _object(document.get("usage")), _object(document.get("timings"))
    cached = count_of(_object(usage.get("prompt_tokens_details")).get("cached_tokens")) or count_of(
        timings.get("cache_n")
    )
    return Usage(
        count_of(usage.get("prompt_tokens")) or count_of(timings.get("prompt_n")) + count_of(timings.get("cache_n")),
        count_of(usage.get("completion_tokens")) or count_of(timings.get("predicted_n")),
        cached,
        count_of(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        _milliseconds(timings.get("prompt_ms")),
        _milliseconds(timings.get("predicted_ms")),
    )


def count_of(value: object) -> int:
    """Return *value* where it is a number of tokens, else 0: records and metrics take no other."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else 0


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
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "".join(_text(part.get("text")) for part in parts if isinstance(part, dict))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _milliseconds(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 else 0.0  # type: ignore[operator,arg-type]
