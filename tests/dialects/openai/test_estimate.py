"""A prompt's tokens are guessed from what is read of it."""

from hostd.dialects.openai.estimate import estimated_prompt
from hostd.dialects.request_document import RequestDocument


def test_texts_count_and_pictures_do_not() -> None:
    """Nor do members that shape the answer; a prompt has at least one token."""
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    text = {"type": "text", "text": "word " * 80}
    seen = estimated_prompt(RequestDocument.of({"messages": [{"role": "user", "content": [text, part]}]}))
    assert 100 <= seen <= 150
    assert 50 == estimated_prompt(RequestDocument.of({"prompt": "a" * 198, "stop": ["x" * 500]}))
    assert 1 == estimated_prompt(RequestDocument.of({}))
