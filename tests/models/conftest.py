"""Stages for tests that look for models."""

from collections.abc import Iterator

import pytest

from tests.models.hub import Hub, serve


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub on this machine."""
    with serve() as running:
        yield running
