"""Fixtures of tests that look for models."""

import os
from collections.abc import Iterator

import pytest

from tests.models.hub import Hub, serve

# Xet's client opens its log where it is imported, and a test must not write below the home folder.
os.environ.setdefault("HF_XET_LOG_DEST", os.devnull)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub on this machine."""
    with serve() as running:
        yield running
