"""Some things llama-server tells in one piece only, or otherwise than in a stream."""

import pytest

from hostd.backends.llamacpp.streaming import LONG, SHORT, better_streamed, carries_all
from hostd.dialects.request_document import RequestDocument


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, True),
        ({"tools": [{}], "logprobs": False, "messages": [{"role": "assistant"}, {"role": "user"}]}, True),
        ({"messages": [{"role": "user"}, {"role": "assistant", "content": "I"}]}, False),
        ({"messages": ["nonsense"]}, True),
        ({"messages": []}, True),
        ({"logprobs": True}, False),
        ({"prompt": "x", "logprobs": 2}, False),
        ({"prompt": "x", "logprobs": 0}, True),
        ({"n_probs": 1}, False),
        ({"verbose": True}, False),
    ],
    ids=str,
)
def test_knows_what_a_stream_does_not_carry(body: dict[str, object], expected: bool) -> None:
    """Probabilities, its own thoughts, and words to be continued are asked for in one piece."""
    assert expected is carries_all(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, True),
        ({"max_tokens": SHORT}, False),
        ({"max_tokens": SHORT + 1}, True),
        ({"max_completion_tokens": SHORT, "max_tokens": 4096}, False),
        ({"n_predict": -1}, True),
        ({"max_tokens": "many"}, True),
        ({"logprobs": True}, False),
    ],
    ids=str,
)
def test_short_answers_need_no_stream(body: dict[str, object], expected: bool) -> None:
    """Only one that may be long is worth the trouble, and only if a stream tells all of it."""
    assert expected is better_streamed(body)


def test_a_long_prompt_is_streamed_however_short_its_answer() -> None:
    """How much of it has been read is reported in streams only."""
    asked = {"max_tokens": 1, "messages": [{"role": "user", "content": "x" * LONG}]}
    assert better_streamed(RequestDocument.of(asked))
    assert not better_streamed(RequestDocument.of(asked | {"messages": []}))
    assert not better_streamed(RequestDocument.of(asked | {"logprobs": True}))
