"""What Ollama says of a client's mistake is told in plain words."""

import json

import pytest

from hostd.backends.ollama.engine import Ollama


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            json.dumps({"error": {"code": 500, "message": "image input is not supported", "type": "server_error"}}),
            "image input is not supported",
        ),
        ('"q:9b" does not support chat', '"q:9b" does not support chat'),
        ('{"error": "does not support chat"}', '{"error": "does not support chat"}'),
        ('{"error": does not support chat', '{"error": does not support chat'),
    ],
)
def test_what_llama_server_said_is_told_without_its_document(message: str, told: str) -> None:
    """Ollama passes the document on as a text."""
    found = Ollama().refusal(message)
    assert found is not None
    assert ("unfit", told) == (found.code, found.message)
