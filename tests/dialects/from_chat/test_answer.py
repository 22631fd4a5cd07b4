"""A chat completion says the same whoever wrote it, and no shape of it makes a mistake."""

from typing import Any

import pytest
from hypothesis import given

from hostd.dialects.from_chat.answer import (
    CallPiece,
    Piece,
    Usage,
    answer_of,
    estimated_tokens,
    numbered,
    piece_of,
    reason_of,
    usage_of,
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
        "choices": [{"message": {"tool_calls": [CALL, CALL]}, "finish_reason": "stop"}],
    }
    said = answer_of(document | {"usage": usage})
    assert ([0, 1], "tool_calls", "x", 9) == ([call.number for call in said.piece.calls], *said[1:2], *said[3:])
    assert Usage(7, 2, 5) == said.usage


def test_sums_without_usage() -> None:
    """llama-server tells what it has read and written, and for how long."""
    timings = {"prompt_n": 3, "cache_n": 4, "predicted_n": 5, "prompt_ms": 1.5, "predicted_ms": 2}
    assert Usage(7, 5, 4, 0, 1.5, 2.0) == usage_of({"timings": timings})


def test_numbers_calls_that_have_none() -> None:
    """An id begins a call, and what has none goes on with the one before."""
    assert [0, 1, 1, 5] == [
        numbered(CallPiece(-1, "a"), -1).number,
        numbered(CallPiece(-1, "b"), 0).number,
        numbered(CallPiece(-1), 1).number,
        numbered(CallPiece(5), 1).number,
    ]


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
    """Whatever stands where something else belongs."""
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
        said = answer_of(given_out)
        assert isinstance(said.piece.text + said.reason + said.chat_id, str)


def test_estimates() -> None:
    """No text is no token, and any text is one at least."""
    assert (0, 1, 2) == tuple(map(estimated_tokens, (0, 1, 5)))
