"""What an engine tells of the work that an answer was."""

import json

import pytest

from hostd.dialects.engine_sums import read_sums
from hostd.domain.answer_sums import AnswerSums

TIMINGS = {"cache_n": 90, "prompt_n": 10, "prompt_ms": 250.5, "predicted_n": 4, "predicted_ms": 1000, "x_ms": 7}


def event(document: object) -> bytes:
    """Return an event of a stream."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def test_llama_server_tells_times() -> None:
    """They come before those of the clock."""
    pieces = (event({"choices": []}), event({"usage": None, "timings": TIMINGS}), b"data: [DONE]\n\n")
    assert AnswerSums(100, 90, 4, 0.2505, 1.0, 0.5) == read_sums(b"".join(pieces), 100, 4, 0.5, 3.0)


@pytest.mark.parametrize(
    "pieces",
    [
        (event({"usage": {"prompt_tokens_details": {"cached_tokens": 30}}}),),
        (event({"message": {"usage": {"cache_read_input_tokens": 30}}}), event({"usage": {"output_tokens": 4}})),
        (b"x" * 8192, event({"usage": {"cached_tokens": 30}})),
    ],
)
def test_others_tell_tokens(pieces: tuple[bytes, ...]) -> None:
    """In the words of any dialect, at either end of the answer; the clock tells the times."""
    assert AnswerSums(100, 30, 4, 0.5, 2.5, 0.5) == read_sums(b"".join(pieces), 100, 4, 0.5, 3.0)


def test_nothing_told() -> None:
    """Not known is not nought."""
    assert AnswerSums(100, None, 4, 0.5, 2.5, 0.5) == read_sums(event({}), 100, 4, 0.5, 3.0)
    assert 100 == AnswerSums(100).read
