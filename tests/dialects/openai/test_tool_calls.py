"""Tool calls are held back while another answer may still take their place, and never given out where they cannot be read."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.framing import MAX_EVENT
from hostd.dialects.openai.stream import OpenAiStream
from hostd.dialects.openai.tool_calls import ToolCallStream, are_sound

DONE = b"data: [DONE]\n\n"


def event(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    """Return one chunk."""
    chunk = {"model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def call(arguments: str, number: int | None = 0, **more: Any) -> bytes:
    """Return a chunk with a part of a call."""
    numbered = {} if number is None else {"index": number}
    return event({"tool_calls": [{**numbered, **more, "function": {"arguments": arguments}}]})


TEXT = event({"content": "Let me look."})
OPENED = call("", id="c", type="function")
CALLED = event({}, "tool_calls")
PIECES = (OPENED, call('{"a": "}'), call('\\" {"}'))


def fed(*events: bytes, always: bool = False) -> tuple[ToolCallStream, list[bytes]]:
    """Return a stream, and what it has given out for each of *events*."""
    stream = ToolCallStream(OpenAiStream("m"), always=always)
    return stream, [stream.feed(each) for each in events]


def test_calls_that_begin_an_answer_wait_for_its_end() -> None:
    """Nothing has been sent so far, so that all of it can still come from elsewhere."""
    stream, given_out = fed(*PIECES, CALLED, DONE)
    assert [b"", b"", b"", b"".join((*PIECES, CALLED)), DONE] == given_out
    assert (True, "", True) == (stream.done, stream.failure, stream.begun)


def test_what_is_held_back_is_a_sign_of_work() -> None:
    """Or a long call would be taken for a stall."""
    stream, _ = fed(OPENED)
    signs = [stream.signs]
    for each in (*PIECES[1:], CALLED, DONE):
        stream.feed(each)
        signs.append(stream.signs)
    assert sorted(signs) == signs
    assert (1, 2, 3) == tuple(signs[:3])


def test_calls_that_follow_text_are_streamed() -> None:
    """At once, unless they are always held back."""
    assert [TEXT, *PIECES, CALLED] == fed(TEXT, *PIECES, CALLED)[1]
    assert [TEXT, b"", b"", b"", b"".join((*PIECES, CALLED))] == fed(TEXT, *PIECES, CALLED, always=True)[1]


def test_text_goes_on_while_calls_wait() -> None:
    """It begins the answer, so that calls need not wait any longer; with *always* they do."""
    assert [b"", b"", TEXT + OPENED + PIECES[1], PIECES[2]] == fed(*PIECES[:2], TEXT, PIECES[2])[1]
    assert [b"", b"", TEXT, b""] == fed(*PIECES[:2], TEXT, PIECES[2], always=True)[1]


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", '"a"', "{'a': 1}", "nothing"])
def test_a_call_that_cannot_be_read_is_a_failure(arguments: str, *, always: bool) -> None:
    """And is not given out, nor anything after it."""
    stream, given_out = fed(OPENED, call(arguments), CALLED, DONE, always=always)
    assert (b"", MALFORMED_CALL, False, None) == (b"".join(given_out), stream.failure, stream.done, stream.end())
    stream, given_out = fed(TEXT, OPENED, call(arguments), CALLED, DONE, always=always)
    assert MALFORMED_CALL == stream.failure
    assert b"".join([TEXT] if always else [TEXT, OPENED, call(arguments)]) == b"".join(given_out)


@pytest.mark.parametrize("arguments", ["", " ", "{}", '{"a": {"b": [1, "}"]}}'])
def test_a_call_may_have_no_arguments(arguments: str) -> None:
    """Some models leave them empty where a tool takes none."""
    assert fed(OPENED, call(arguments), CALLED, DONE)[0].done


def test_an_answer_may_end_in_the_middle_of_a_call() -> None:
    """At its token limit: it says so itself."""
    stream, given_out = fed(OPENED, call('{"a'), event({}, "length"), DONE)
    assert (True, OPENED + call('{"a')) == (stream.done, given_out[2][: -len(event({}, "length"))])


def test_each_call_is_looked_at() -> None:
    """By its number, or without one by its id; several may come in one chunk, and in the one that ends the answer."""
    assert fed(OPENED, call("{}"), call('{"a', 1, id="d"), CALLED)[0].failure
    assert fed(call("{}", None, id="c"), call("{", None, id="d"), call("}", None), CALLED, DONE)[0].done
    assert fed(call("{}", None, id="c"), call("{", None, id="d"), CALLED)[0].failure
    both = event({"tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]}, "tool_calls")
    assert [both, DONE] == fed(both, DONE)[1]


def test_a_failure_before_the_end_of_a_call_gives_nothing_out() -> None:
    """An error of the engine, or the end of the stream."""
    error = b'data: {"error": {"code": 500, "message": "no such form"}}\n\n'
    for always in (False, True):
        stream, given_out = fed(*PIECES, error, always=always)
        assert (b"", True, None) == (b"".join(given_out), "no such form" in stream.failure, stream.end())
        assert stream.engine_error is not None
    assert fed(*PIECES)[0].end() is None


def test_with_always_the_inner_stream_is_spared_an_error() -> None:
    """It may go on with the calls of another answer."""
    error = b'data: {"error": {"code": 500, "message": "no such form"}}\n\n'
    stream, _ = fed(TEXT, error, always=True)
    assert (True, "") == ("no such form" in stream.failure, stream.inner.failure)


def test_what_is_held_back_is_bounded() -> None:
    """As an event is."""
    stream, _ = fed(*[call("x" * (1 << 20))] * ((MAX_EVENT >> 20) + 1))
    assert "tool calls of more than" in stream.failure


@given(cuts=st.lists(st.integers(0, 500)), always=st.booleans())
def test_bytes_may_be_cut_anywhere(cuts: list[int], *, always: bool) -> None:
    """What is given out is the same."""
    data = b"".join((TEXT, *PIECES, CALLED, DONE))
    places = sorted({0, *(cut % len(data) for cut in cuts), len(data)})
    stream = ToolCallStream(OpenAiStream("m"), always=always)
    assert data == b"".join(stream.feed(data[start:end]) for start, end in pairwise(places))
    assert stream.done


@pytest.mark.parametrize(
    ("calls", "finish", "sound"),
    [
        (None, "stop", True),
        ([{"function": {"arguments": "{}"}}], "tool_calls", True),
        ([{"function": {"arguments": "{}"}}, {"function": {"arguments": "{"}}], "tool_calls", False),
        ([{"function": {"arguments": "{"}}], "length", True),
        ([{"custom": {"input": "free text"}}], "tool_calls", True),
    ],
)
def test_a_whole_answer_is_looked_at(calls: list[Any] | None, finish: str, *, sound: bool) -> None:
    """As a stream is."""
    assert sound is are_sound({"message": {"content": None, "tool_calls": calls}, "finish_reason": finish})
