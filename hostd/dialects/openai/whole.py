"""Answers in one piece: whether what came with status 200 is one."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai import errors, tool_calls
from hostd.dialects.openai.events import GIVEN_UP, Json, error_in
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.reason import FallbackReason

_LARGE = 8 * 1024 * 1024
"""Bytes from which an answer is looked at no closer, since that would hold up all other requests: vectors of a large batch."""
_EMPTY = (b"[]", b"null", b"{}", b'""')
_GIVEN_UP_WORD = "the engine gave the answer up before its end"

_Plain = str | int | float | bool | None


class FlatAnswer(msgspec.Struct):
    """An answer whose choices hold texts and numbers alone, and messages of such: all but tool calls and probabilities."""

    choices: list[dict[str, _Plain | dict[str, _Plain]]]
    error: _Plain = None
    usage: dict[str, _Plain | dict[str, _Plain]] | None = None

    def tokens(self, name: str) -> int | None:
        """Return how many tokens the usage says that *name* has; None where it says nothing that makes sense."""
        count = self.usage.get(name) if self.usage else None
        return count if type(count) is int and 0 <= count < 10**12 else None


_decode_flat = msgspec.json.Decoder(FlatAnswer).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def flat(payload: bytes) -> FlatAnswer | None:
    """Return *payload* where it is a flat answer, which takes a fraction of what it takes to bound and decode any other."""
    try:
        return _decode_flat(payload) if len(payload) <= _LARGE else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def fault(
    payload: bytes, *, vectors: bool, choices: int = 1, known: FlatAnswer | None = None
) -> str | HostdError | None:
    """Return why *payload* is no answer, as a sentence or as the engine's own error; None where it is one.

    With *vectors* it must have data, else so many *choices*. It is not decoded again where it is *known* to be a flat answer.
    A choice without text says at least why it is over: a model may end at once.
    """
    if known is not None:
        return _judged({"error": known.error, "choices": known.choices}, choices)
    if len(payload) > _LARGE:
        return None if payload.lstrip()[:1] == b"{" and payload.rstrip().endswith(b"}") else _NO_OBJECT
    try:
        members = _decode_members(payload)
        said = _read(members, _ANSWER)
        if said.get("choices") is None:
            said |= _read(members, _ERROR)
        if not vectors:
            return _judged(said, choices)
        if (error := error_in(said)) is not None:
            return errors.of_stream(error)
        return None if bytes(members.get("data", b"[]")).strip() not in _EMPTY else "the engine sent no vectors"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, JsonError):
        return _NO_OBJECT


def _judged(said: Json, choices: int) -> str | HostdError | None:
    if (error := error_in(said)) is not None:
        return errors.of_stream(error)
    given = said.get("choices")
    return _fault_of(given) or (too_few(len(given), choices) if isinstance(given, list) else None)


def too_few(given: int, asked: int) -> RequestError | None:
    """Return what it means that an engine has *given* fewer answers than it was *asked* for; None where it has not."""
    if given >= asked:
        return None
    what = f"the engine has given {given} of the {asked} answers that the request asks for; ask for one at a time"
    return RequestError(what, code=FallbackReason.UNFIT, param="n")


_NO_OBJECT = "the engine sent an answer that is no JSON object"
_ANSWER = ("error", "choices")
_ERROR = ("object", "type", "detail", "message", "code")
"""What says that a document is an error in a shape without ``error``, unless it has choices."""


def _read(members: Mapping[str, msgspec.Raw], names: Iterable[str]) -> dict[str, Any]:
    return {name: parse_json(members[name]) for name in names if name in members}


def _fault_of(choices: object) -> str | None:
    if not isinstance(choices, list) or not choices:
        return "the engine sent an answer without choices"
    for choice in choices:
        if not isinstance(choice, dict):
            return _NO_OBJECT
        if choice.get("finish_reason") in GIVEN_UP:
            return _GIVEN_UP_WORD
        if not tool_calls.are_sound(choice):
            return MALFORMED_CALL
        if not choice.get("finish_reason") and not _has_text(choice):
            return "the engine sent an answer without text, and without a reason for its end"
    return None


def _has_text(choice: Json) -> bool:
    message = choice.get("message")
    said = isinstance(message, dict) and any(value for name, value in message.items() if name != "role")
    return bool(said or choice.get("text"))
