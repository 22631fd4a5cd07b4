"""How long a prompt is for sure."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.gateway.forwarding.prompt_length import holds_bytes, tokens_for_sure

LONG = "word " * 8000
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def chat(content: object, **more: Any) -> InferenceRequest:
    """Return a request that says *content*."""
    body = {"model": "m", "messages": [{"role": "user", "content": content}], **more}
    return registry.client_dialect(Dialect.OPENAI_CHAT).parse(json.dumps(body).encode())


def test_a_long_text_has_a_least_length() -> None:
    """By its bytes."""
    assert 2048 < tokens_for_sure(chat(LONG)) < 8000


@pytest.mark.parametrize(
    "request_",
    [chat("short"), chat([{"type": "text", "text": LONG}, PICTURE]), chat(LONG, n=2)],
)
def test_what_its_bytes_do_not_tell(request_: InferenceRequest) -> None:
    """A picture takes another number of tokens than its bytes, and what is short fits everywhere."""
    assert tokens_for_sure(request_) == 0


def test_sounds_are_no_text() -> None:
    """Nor are files."""
    assert holds_bytes(chat([SOUND]))
    assert not holds_bytes(chat(LONG))
