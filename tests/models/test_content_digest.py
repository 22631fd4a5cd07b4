"""A checksum is computed of the whole file, in pieces, and known from the names of blobs."""

import hashlib
from pathlib import Path

import pytest

from hostd.models import content_digest
from hostd.models.content_digest import has_digest, sha256_in_name
from hostd.models.errors import ModelNotFound, ModelUnreadable
from tests.models.hub import git_name
from tests.models.pulling import CONTENT

SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("block", [1 << 20, 1_000_000, 3_000_000, 4 << 20])
def test_a_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Whether or not the last one is as long as the others; each is told, and none is longer."""
    monkeypatch.setattr(content_digest, "_BLOCK", block)
    (tmp_path / "m").write_bytes(CONTENT)
    moved: list[int] = []
    assert has_digest(tmp_path / "m", SHA256, moved.append)
    assert (len(CONTENT), True) == (sum(moved), max(moved) <= block)
    assert has_digest(tmp_path / "m", git_name(CONTENT))
    assert not has_digest(tmp_path / "m", hashlib.sha256(CONTENT[:-1] + b"x").hexdigest())


def test_an_empty_file_has_a_checksum(tmp_path: Path) -> None:
    """As any other."""
    (tmp_path / "m").touch()
    assert has_digest(tmp_path / "m", hashlib.sha256().hexdigest())
    assert has_digest(tmp_path / "m", git_name(b""))


def test_only_files_have_one(tmp_path: Path) -> None:
    """What is not there or is a folder is told by an error."""
    with pytest.raises(ModelNotFound):
        has_digest(tmp_path / "m", SHA256)
    with pytest.raises(ModelUnreadable):
        has_digest(tmp_path, SHA256)


def test_a_blobs_name_says_its_checksum(tmp_path: Path) -> None:
    """Of Hugging Face's cache and of Ollama's stores, also through a link; other names say nothing."""
    (tmp_path / "m.gguf").symlink_to(tmp_path / SHA256)
    assert SHA256 == sha256_in_name(tmp_path / "m.gguf")
    assert SHA256 == sha256_in_name(tmp_path / f"sha256-{SHA256}")
    for name in (SHA256[:40], f"{SHA256}.incomplete", "m.gguf.bak", SHA256.upper()):
        assert sha256_in_name(tmp_path / name) is None
