"""How long a prompt is for sure, by its bytes: only an engine counts tokens."""

from hostd.dialects.base import InferenceRequest
from hostd.dialects.byte_search import contains
from hostd.domain.ticket import Task
from hostd.domain.token_estimate import fewest_tokens

_SHORT_PROMPT = 2048
"""Tokens that every context holds."""
_BYTES_IN_TEXT = (b'"input_audio"', b'"file_data"')
"""Members of sounds and files, whose bytes are no text."""


def tokens_for_sure(inference: InferenceRequest) -> int:
    """Return how many tokens *inference* has at least; 0 where every context holds them, or its bytes do not tell."""
    tokens = fewest_tokens(inference.document.size)
    if tokens <= _SHORT_PROMPT:
        return 0
    # Pictures, and the texts of a batch, have another length than their bytes let one think.
    needs = inference.requirements
    return 0 if needs.task is not Task.TEXT or needs.vision or inference.choices > 1 else tokens


def holds_bytes(inference: InferenceRequest) -> bool:
    """Return whether *inference* holds a sound or a file."""
    body = inference.document.encode()
    return any(contains(body, word) for word in _BYTES_IN_TEXT)
