"""What an engine reports of a prompt is read, and kept from clients that did not ask for it."""

import json
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.openai.aggregate import StreamAggregator
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.dialects.openai.stream import OpenAiStream
from hostd.domain.progress import PromptProgress

ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}], "model": "m"}


def event(content: Mapping[str, object]) -> bytes:
    """Return one event."""
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def report(read: int, total: int = 100) -> bytes:
    """Return a report as llama-server sends it."""
    return event({**ROLE, "prompt_progress": {"total": total, "cache": 0, "processed": read, "time_ms": 7}})


def text(content: str, finish: str | None = None) -> bytes:
    """Return a token."""
    return event({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], "model": "m"})


DONE = b"data: [DONE]\n\n"
ANSWER = event(ROLE) + text("Hello") + text("", "stop") + DONE
STREAM = report(0) + b":\n\n" + report(64) + report(100) + ANSWER


@given(st.sets(st.integers(1, len(STREAM) - 1)))
def test_a_client_that_did_not_ask_sees_the_answer_alone(cuts: set[int]) -> None:
    """However the stream is cut."""
    edges, stream = [0, *sorted(cuts), len(STREAM)], OpenAiStream("m")
    sent = b"".join(stream.feed(STREAM[start:end]) for start, end in pairwise(edges))
    assert ANSWER == sent.replace(b":\n\n", b"")
    assert PromptProgress(100, 100) == stream.prompt.latest
    assert stream.prompt.signs >= 3
    assert b"" == stream.take_aside()
    assert stream.done


def test_a_client_that_asked_gets_the_reports_at_once() -> None:
    """Before the answer begins, so that another upstream may still give it; under the name that the client knows."""
    stream = OpenAiStream("ours", passes_progress=True)
    assert b"" == stream.feed(report(0))
    assert report(0).replace(b'"m"', b'"ours"').replace(b'"model": ', b'"model":') == stream.take_aside()
    assert (b"", False) == (stream.take_aside(), stream.begun)
    assert b"" == stream.feed(report(100))
    assert stream.take_aside()
    assert stream.feed(ANSWER).endswith(DONE)


def test_a_report_between_tokens_of_another_choice_is_kept_from_the_client_too() -> None:
    """With several answers, one may begin while the prompt of another is read."""
    stream = OpenAiStream("m")
    stream.feed(text("a"))
    assert text("b") == stream.feed(report(50) + text("b"))
    asked = OpenAiStream("m", passes_progress=True)
    asked.feed(text("a"))
    assert report(50) + text("b") == asked.feed(report(50) + text("b"))


@pytest.mark.parametrize("quoted", ['"prompt_progress"', '{"prompt_progress": {"total": 1, "processed": 1}}'])
def test_words_of_an_answer_are_no_report(quoted: str) -> None:
    """A model may speak of this very member."""
    stream = OpenAiStream("m")
    assert text(quoted) == stream.feed(text(quoted))
    assert stream.prompt.latest is None


@pytest.mark.parametrize(
    ("comment", "seen"),
    [
        (b": keepalive 512/2048\n\n", PromptProgress(512, 2048)),
        (b": keepalive 512/2048\r\n\r\n", PromptProgress(512, 2048)),
        (b": OPENROUTER PROCESSING\n\n", None),
        (b":\n\n", None),
        (b": 24/7\n\n", PromptProgress(24, 7)),
    ],
)
def test_counts_in_comments_are_read(comment: bytes, seen: PromptProgress | None) -> None:
    """mlx-lm's are; a comment that is the same each time is no sign."""
    stream, assembler = OpenAiStream("m"), StreamAggregator()
    for _ in range(3):
        stream.feed(comment)
        assembler.feed(comment)
    assert (seen, seen) == (stream.prompt.latest, assembler.prompt.latest)
    assert (seen is not None) == stream.signs == assembler.signs


def test_an_answer_that_is_put_together_has_no_report_in_it() -> None:
    """Its reports are signs, and nothing else."""
    assembler = StreamAggregator()
    assembler.feed(report(0) + report(100))
    assert (False, 0, 2) == (assembler.begun, assembler.events, assembler.signs)
    assembler.feed(ANSWER)
    assert assembler.done
    assert "prompt_progress" not in assembler.document()


@pytest.mark.parametrize(
    "said", [{"processed": 5, "total": 3}, {"processed": "x"}, {"processed": -1, "total": 3}, {}, 7, None, [1]]
)
def test_a_report_that_makes_no_sense_is_no_sign(said: object) -> None:
    """And does no harm."""
    reader = PromptReader()
    reader.takes(event({**ROLE, "prompt_progress": said}), begun=False)
    assert (None, 0) == (reader.latest, reader.signs)


@pytest.mark.parametrize(
    "kind",
    [
        'data: {"choices":[],"step":%d}\n\n',
        'event: progress\ndata: {"step":%d}\n\n',
        'data: {"choices":[{"index":0,"delta":{"musings":"m%d"}}]}\n\n',
    ],
)
def test_events_of_any_kind_are_signs_as_long_as_they_differ(kind: str) -> None:
    """Whatever a server calls what it tells before the answer; a heartbeat that is the same each time says nothing."""
    for same in (False, True):
        stream, assembler, signs = OpenAiStream("m"), StreamAggregator(), list[tuple[int, int]]()
        for number in range(5):
            said = (kind % (0 if same else number)).encode()
            stream.feed(said)
            assembler.feed(said)
            signs.append((stream.signs, assembler.signs))
        if not same:
            assert len(set(signs)) == 5
        elif "musings" not in kind:
            assert len(set(signs)) == 1
