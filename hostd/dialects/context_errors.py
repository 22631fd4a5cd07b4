"""How engines say that a request is longer than its context: each in words of its own, and all mean the same.

Sources: llama.cpp's and llama-cpp-python's servers, vLLM and MLX by running them; Anthropic's documentation; SGLang's, TabbyAPI's,
Ollama's and LM Studio's from what their users report.
"""

import re

_STATUSES = frozenset({400, 413, 422})
_CODES = frozenset({"exceed_context_size_error", "context_length_exceeded"})
_WORDS = re.compile(
    r"maximum context length"
    r"|cannot be greater than max_model_len"
    r"|exceeds? (the |available |maximum )*context (window|length|size)"
    r"|longer than the model's context length"
    r"|greater than (the )?(max_seq_len|context length)"
    r"|context the overflows|input length exceeds"
    r"|prompt is too long",
    re.IGNORECASE,
)


def is_too_long(status: int, message: str, *words: object) -> bool:
    """Return whether an engine's error answer says so: by one of the *words* that it has for programs, or in its *message*."""
    return status in _STATUSES and (bool(_CODES.intersection(map(str, words))) or _WORDS.search(message) is not None)
