"""Headers are read once, and again when their files have changed."""

import os
from pathlib import Path

import pytest

from hostd.models.errors import ModelNotFound
from hostd.models.locations import ModelLocations
from hostd.models.reference import FileReference
from hostd.sizing.header_cache import HeaderCache
from tests.cli.models import weigh


@pytest.fixture
def headers(tmp_path: Path) -> HeaderCache:
    """Reads what is here."""
    return HeaderCache(ModelLocations(tmp_path / "headers", tmp_path / "hub", offline=True))


def test_a_header_is_read_once(headers: HeaderCache, tmp_path: Path) -> None:
    """As long as its file stays as it is."""
    reference = FileReference(weigh(tmp_path / "a.gguf", 2))
    assert headers.open(reference) is headers.open(reference)


def test_a_file_that_changed_is_read_again(headers: HeaderCache, tmp_path: Path) -> None:
    """Be it by its size or by its time alone."""
    reference = FileReference(weigh(tmp_path / "a.gguf", 2))
    first = headers.open(reference)
    weigh(reference.path, 3, layers=16)
    second = headers.open(reference)
    assert (32, 16) == (len(first.shape.layers), len(second.shape.layers))
    os.utime(reference.path, (1, 1))
    assert second is not headers.open(reference)


def test_a_file_that_has_gone_is_missed(headers: HeaderCache, tmp_path: Path) -> None:
    """What is remembered of it is no model."""
    reference = FileReference(weigh(tmp_path / "a.gguf", 2))
    headers.open(reference)
    reference.path.unlink()
    with pytest.raises(ModelNotFound):
        headers.open(reference)
