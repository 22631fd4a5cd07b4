"""Chunks are said again piece by piece, and nothing is taken for a whole answer but one."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.from_chat.answer import Piece, Usage
from hostd.dialects.from_chat.stream import ChatStream
from hostd.domain.errors import EngineError, HostdError
from tests.dialects.from_chat.chunks import DONE, ROLE, TALK, USAGE, call, chunk, event
from tests.dialects.openai.test_events import is_whole, streams


class Recorder:
    """Writes one line for each thing that it is told, and remembers pieces."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.ended: tuple[str, Usage, str] | None = None

    def begin(self, chat_id: str, created: int, prompt_tokens: int) -> bytes:
        """Note the beginning, before which nothing may be told."""
        assert not self.pieces
        return f"begin {chat_id} {created} {prompt_tokens}\n".encode()

    def piece(self, piece: Piece) -> bytes:
        """Note a piece."""
        assert self.ended is None
        self.pieces.append(piece)
        return b"piece\n"

    def end(self, reason: str, usage: Usage, stop_text: str) -> bytes:
        """Note the end, of which there is one."""
        assert self.ended is None
        self.ended = reason, usage, stop_text
        return b"end\n"

    def error_event(self, error: HostdError) -> bytes:
        """Return the error."""
        return error.message.encode()


def read(*data: bytes) -> tuple[ChatStream, Recorder, bytes]:
    """Return a stream that was fed *data*, its writer, and what it gave out."""
    writer = Recorder()
    stream = ChatStream(writer)
    return stream, writer, b"".join(map(stream.feed, data))


@given(st.sets(st.integers(1, len(TALK) - 1)))
def test_says_the_same_however_it_is_cut(cuts: set[int]) -> None:
    """Thought, text and calls in their order, the sums at the end."""
    edges = [0, *sorted(cuts), len(TALK)]
    stream, writer, said = read(*(TALK[start:end] for start, end in pairwise(edges)))
    assert (True, "", 5, 11) == (stream.done, stream.failure, stream.tokens, stream.prompt_tokens)
    assert said.startswith(b"begin chatcmpl-7 1700000000 0\n")
    assert said.endswith(b"end\n")
    text = "".join(piece.reasoning for piece in writer.pieces), "".join(piece.text for piece in writer.pieces)
    assert ("Let me think.", "Wait ü.") == text
    assert '{"at": "x"}' == "".join(c.arguments for piece in writer.pieces for c in piece.calls if c.number == 0)
    assert ("tool_calls", Usage(11, 5, 4), "") == writer.ended


def test_nothing_before_the_answer_begins() -> None:
    """A role is nothing of it, and neither are comments and heartbeats."""
    stream, writer, said = read(ROLE, b": ping\n\n", b"data:\n\n")
    assert (b"", False, []) == (said, stream.begun, writer.pieces)


def test_ends_what_lacks_the_formal_end_alone() -> None:
    """Each event is a token where none are counted."""
    stream, writer, _ = read(chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop"))
    assert (True, True, False) == (stream.complete, stream.settled, stream.done)
    assert b"end\n" == stream.end()
    assert ("stop", Usage(answer=2), "") == writer.ended


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (DONE, "in the middle"),
        (event({"error": {"message": "no luck"}}), "no luck"),
        (b"data: {broken\n\n", "no JSON"),
        (chunk({}, "abort"), "gave the answer up"),
    ],
)
def test_a_broken_answer_is_no_whole_one(data: bytes, why: str) -> None:
    """It is said why, and nothing more is told."""
    stream, writer, _ = read(chunk({"content": "a"}), data, chunk({"content": "b"}, "stop"))
    assert why in stream.failure
    assert (None, None, 1) == (stream.end(), writer.ended, len(writer.pieces))
    assert b"sorry" == stream.error_event(EngineError("sorry"))


def test_reports_of_progress_are_signs() -> None:
    """They are no part of the answer."""
    stream, writer, said = read(event({"choices": [], "prompt_progress": {"total": 9, "processed": 3}}), USAGE)
    assert (b"", [], True) == (said, writer.pieces, stream.signs > 0)
    assert stream.prompt.latest is not None
    assert (b"", 3) == (stream.take_aside(), stream.prompt.latest.read)
    assert stream.feed(chunk({"content": "a"})).startswith(b"begin chatcmpl-7 1700000000 9\n")


def test_a_great_deal_and_no_answer() -> None:
    """Is no answer; the reading of a long prompt, and heartbeats, may take as long as they like."""
    report = event({"choices": [], "prompt_progress": {"total": 9, "processed": 3}, "more": "x" * 4096})
    stream, _, _ = read(*[report + b": ping\n\n"] * 300)
    assert not stream.failure
    for _ in range(300):
        stream.feed(event({"choices": [{"delta": {"role": "x" * 4096}}]}))
    assert "no answer" in stream.failure


def test_the_first_choice_is_the_answer() -> None:
    """Others are no part of it, but have to be over, too; there is a bound to them."""
    other = event({"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]})
    stream, writer, _ = read(chunk({"content": "a"}, "stop"), other, DONE)
    assert "in the middle" in stream.failure
    assert ["a"] == [piece.text for piece in writer.pieces]
    choices = [{"index": number, "delta": {}} for number in range(5000)]
    assert "more choices" in read(event({"choices": choices}))[0].failure


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([call(0, '{"a', id="a", name="f")], MALFORMED_CALL),
        ([call(0, '{"a', id="a", name="f"), call(1, "", id="b", name="g")], MALFORMED_CALL),
        ([call(0, "", id="a", name="f"), call(1, "", id="b", name="g"), call(0, "{}")], "went back"),
    ],
)
def test_calls_that_no_client_could_read(said: list[dict[str, Any]], why: str) -> None:
    """Are not ended, whatever the client's dialect."""
    stream, writer, _ = read(*map(chunk, said), chunk({}, "tool_calls"), DONE)
    assert (why in stream.failure, None, False, None) == (True, stream.end(), stream.done, writer.ended)


def test_half_a_call_at_the_limit() -> None:
    """Is what an answer may end with that was cut there."""
    stream, writer, _ = read(chunk(call(0, '{"a', id="a", name="f")), chunk({}, "length"), DONE)
    assert stream.done
    assert ("length", Usage(answer=1), "") == writer.ended


def test_the_text_at_which_an_answer_stopped() -> None:
    """Is told where the engine tells it."""
    last = event({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": "END"}]})
    _, writer, _ = read(last, DONE)
    assert ("stop", Usage(answer=1), "END") == writer.ended


@given(streams, st.integers(1, 40))
def test_no_stream_makes_a_mistake_or_a_truncated_success(data: bytes, size: int) -> None:
    """Whatever an engine sends, cut anywhere."""
    stream, writer, _ = read(*(data[start : start + size] for start in range(0, len(data), size)))
    if stream.done or stream.end() is not None:
        assert is_whole(data)
        assert writer.ended
