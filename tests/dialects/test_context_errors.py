"""The words of engines for what is too long."""

import pytest

from hostd.dialects.context_errors import is_too_long

SAID = [
    "This model's maximum context length is 512 tokens. However, your prompt contains at least 513 input tokens, which exceeds",
    "This model's maximum context length is 512 tokens. However, your prompt contains 540035 characters",
    "max_tokens=100000 cannot be greater than max_model_len=512. Please request fewer output tokens.",
    "Requested tokens (600) exceed context window of 512",
    "request (1500 tokens) exceeds the available context size (1024 tokens), try increasing it",
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "Requested token count exceeds the model's maximum context length of 8192 tokens.",
    "Prompt length 9000 is greater than max_seq_len 8192",
    "the input length exceeds the context length",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
]


@pytest.mark.parametrize("message", SAID)
def test_each_engines_words_are_known(message: str) -> None:
    """Whatever it is that they count."""
    assert is_too_long(400, message)


@pytest.mark.parametrize("word", ["exceed_context_size_error", "context_length_exceeded"])
def test_a_word_for_programs_is_enough(word: str) -> None:
    """Whether it is a type or a code."""
    assert is_too_long(400, "sorry", None, word)
    assert not is_too_long(500, "sorry", None, word)


@pytest.mark.parametrize(
    "message", ["max_tokens must be at least 1", "the context is missing", "bad JSON in the request"]
)
def test_other_refusals_are_others(message: str) -> None:
    """A client should hear what is wrong, and not be sent elsewhere."""
    assert not is_too_long(400, message, 400, "BadRequestError")


def test_what_a_server_fails_at_is_not_the_clients_prompt() -> None:
    """Words alone do not make a refusal of a crash."""
    assert not is_too_long(500, SAID[0])
