"""Errors in Ollama's dialect: an object with a sentence."""

import json

from hostd.domain.errors import HostdError, UnknownModel


def body(error: HostdError) -> bytes:
    """Return *error* as an error object. Clients look for ``not found`` where a model is not there."""
    message = error.message
    if isinstance(error, UnknownModel):
        name, _, hint = message.removeprefix("unknown model ").partition("; ")
        message = f"model {name} not found; {hint}"
    return json.dumps({"error": message}).encode()
