"""The smallest request for each task of a model."""

import json

import pytest

from hostd.dialects import registry
from hostd.dialects.smallest_request import smallest_request
from hostd.domain.ticket import Task


@pytest.mark.parametrize("task", Task)
def test_is_one_for_that_task(task: Task) -> None:
    """A client could send it, and it is not streamed."""
    dialect, body = smallest_request("m", task)
    request = registry.client_dialect(dialect).parse(json.dumps(body).encode())
    assert ("m", task, False) == (request.model, request.requirements.task, request.stream)
