"""Refusals."""

from hostd.backends.launchers.mlx_server.refusal import too_long


def test_a_prompt_that_is_too_long_is_refused_as_openai_does() -> None:
    """By status and code; the sentence has both numbers and says what to do."""
    refusal = too_long(4096, "5000")
    assert (400, "context_length_exceeded") == (refusal.status, refusal.code)
    assert "the prompt has 5000 tokens, and one request may have 4096, its answer included; shorten it" == str(refusal)
