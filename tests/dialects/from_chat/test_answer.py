"""A chat completion says the same whoever wrote it, and no shape of it makes a mistake."""

from typing import Any

import pytest
from hypothesis import given

from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.from_chat.answer import (
    BrokenAnswerError,
    Call,
    CallOrder,
    CallPiece,
    Piece,
    Usage,
    answer_of,
    arguments_of,
    piece_of,
    reason_of,
    usage_of,
    whole_calls,
)
from tests.dialects.test_request_document import objects, values

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "piece"),
    [
        ({"content": "a", "reasoning_content": "b"}, Piece("a", "b")),
        ({"content": None, "reasoning": "b", "refusal": "no"}, Piece("", "b", "no")),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, Piece("ab")),
        ({"tool_calls": [CALL]}, Piece(calls=(CallPiece(-1, "c", "f", "{}"),))),
        (
            {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            Piece(calls=(CallPiece(-1, "", "f", '{"a": 1}'),)),
        ),
        ({"tool_calls": [{"index": 2, "function": {"arguments": "x"}}]}, Piece(calls=(CallPiece(2, arguments="x"),))),
        (None, Piece()),
    ],
)
def test_reads_each_servers_way_of_saying_it(message: object, piece: Piece) -> None:
    """Names for thought, content in parts, arguments as objects."""
    assert piece == piece_of(message)


def test_reads_a_whole_completion() -> None:
    """With its calls numbered, its reason and its sums."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}
    document = {
        "id": "x",
        "created": 9,
        "choices": [{"message": {"tool_calls": [CALL, CALL]}, "finish_reason": "stop", "stop_reason": "END"}],
    }
    said = answer_of(document | {"usage": usage})
    assert ([0, 1], "tool_calls", "x", 9, "END") == ([call.number for call in said.piece.calls], *said[1:2], *said[3:])
    assert Usage(7, 2, 5) == said.usage


def test_sums_without_usage() -> None:
    """llama-server tells what it has read and written, and for how long."""
    timings = {"prompt_n": 3, "cache_n": 4, "predicted_n": 5, "prompt_ms": 1.5, "predicted_ms": 2}
    assert Usage(7, 5, 4, 0, 1.5, 2.0) == usage_of({"timings": timings})


def test_numbers_calls_that_have_none() -> None:
    """An id begins a call, and what has none goes on with the one before."""
    order = CallOrder()
    assert not order.any
    said = [CallPiece(-1, "a"), CallPiece(-1, "b"), CallPiece(-1), CallPiece(5)]
    assert [0, 1, 1, 5] == [order.placed(call).number for call in said]
    assert order.any


def test_calls_follow_one_another() -> None:
    """One is whole before the next begins, and nothing is added to it then."""
    order = CallOrder()
    for call in (CallPiece(0, "a", "f", '{"a"'), CallPiece(0, arguments=": 1}"), CallPiece(1, "b", "f", "[")):
        order.placed(call)
    with pytest.raises(BrokenAnswerError, match="went back"):
        order.placed(CallPiece(0, arguments=" "))
    for go_on in (order.check, lambda: order.placed(CallPiece(2, "c"))):
        with pytest.raises(BrokenAnswerError, match=MALFORMED_CALL):
            go_on()


def test_whole_calls() -> None:
    """Put together by their numbers; half of one is left out of an answer that was cut, and elsewhere no answer."""
    said = [CallPiece(0, "a", "f", '{"a"'), CallPiece(0, arguments=": 1}"), CallPiece(1, "", "g")]
    assert [Call("a", "f", {"a": 1}), Call("call_1", "g", {})] == whole_calls(said, cut=False)
    half = [*said, CallPiece(2, "c", "h", '{"a')]
    assert 2 == len(whole_calls(half, cut=True))
    with pytest.raises(BrokenAnswerError, match=MALFORMED_CALL):
        whole_calls(half, cut=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [(None, {}), (" ", {}), ('{"a": 1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("[1]", None), ('{"a"', None), (5, None)],
)
def test_arguments(text: object, found: dict[str, Any] | None) -> None:
    """None given is an empty object; what is no object is nothing that a tool could read."""
    assert found == arguments_of(text)


@pytest.mark.parametrize(
    ("said", "called", "reason"),
    [
        ("length", True, "length"),
        ("stop", True, "tool_calls"),
        ("eos", False, "stop"),
        (None, False, "stop"),
        ([], True, "tool_calls"),
    ],
)
def test_reasons(said: object, called: bool, reason: str) -> None:
    """Clients that read ``stop`` would not run the tools."""
    assert reason == reason_of(said, called=called)


@given(values, objects)
def test_nothing_makes_a_mistake(value: Any, document: dict[str, Any]) -> None:
    """Whatever stands where something else belongs; without a message, or a text, it is no answer."""
    for given_out in (
        {"choices": value},
        {"choices": [{"message": value, "logprobs": value, "finish_reason": value}]},
        {
            "choices": [{"message": {"tool_calls": [value], "content": value}}],
            "usage": document,
            "timings": value,
            "id": value,
        },
    ):
        try:
            said = answer_of(given_out)
        except BrokenAnswerError:
            continue
        assert isinstance(said.piece.text + said.reason + said.chat_id, str)
