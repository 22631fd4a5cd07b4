"""How many tokens a request is taken for."""

import json

from hostd.dialects.anthropic.sums import estimate, prompt_tokens_of
from hostd.dialects.request_document import RequestDocument


def tokens(content: object, **members: object) -> int:
    """Return the estimate for one message with *content*."""
    return estimate(RequestDocument.of({"messages": [{"role": "user", "content": content}]} | members))


def test_text_counts_wherever_it_stands() -> None:
    """About a token for three or four letters; system prompt and tools are part of the prompt."""
    assert 100 <= tokens("word " * 80) <= 140
    assert tokens("word " * 80) == tokens([{"type": "text", "text": "word " * 80}])
    assert tokens([{"type": "tool_result", "content": "word " * 80}]) > 100
    assert tokens("", system="word " * 80) > 100
    assert tokens("", tools=[{"name": "f", "input_schema": {"description": "word " * 80}}]) > 100
    assert tokens([{"type": "tool_use", "name": "f", "input": {"text": "word " * 80}}]) > 100


def test_a_picture_counts_by_itself() -> None:
    """Not by its bytes."""
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}
    assert 1600 <= tokens([picture]) < 1700


def test_what_a_message_tells() -> None:
    """The prompt includes what was cached; what is no count is nothing."""
    usage = json.loads(
        '{"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": null, "output_tokens": 9}'
    )
    assert 3 == prompt_tokens_of(usage)
    assert 0 == prompt_tokens_of({"input_tokens": "5", "cache_read_input_tokens": -1})
