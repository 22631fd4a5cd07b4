"""Errors are a sentence in an object."""

import json

from hostd.dialects.ollama import errors
from hostd.domain.errors import CapacityError, UnknownModel


def test_errors() -> None:
    """Clients print it, and look for a model that is not found."""
    full = CapacityError("the queue is full", code="queue_full", retry_after=1)
    assert {"error": "the queue is full"} == json.loads(errors.body(full))
    absent = UnknownModel("x", ("y",), ("y",))
    assert {"error": "model 'x' not found; did you mean 'y'?"} == json.loads(errors.body(absent))
