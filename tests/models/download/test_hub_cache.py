"""What is laid into the cache is where the other programs look for it, and nothing is laid outside of it."""

from pathlib import Path

import pytest

from hostd.models.download.hub_cache import HubCache
from hostd.models.errors import ModelUnreadable
from tests.models.hub import COMMIT

MARK = "a" * 64


@pytest.fixture
def cache(tmp_path: Path) -> HubCache:
    """A cache with one content."""
    cache = HubCache(tmp_path / "hub", "owner/model")
    cache.blob(MARK).parent.mkdir(parents=True)
    cache.blob(MARK).write_bytes(b"content")
    return cache


def test_the_layout_is_the_one_that_is_shared(cache: HubCache, tmp_path: Path) -> None:
    """Blobs by checksum, locks beside, and links that a moved cache keeps."""
    cache.show(COMMIT, "sub/m.gguf", MARK)
    home = tmp_path / "hub" / "models--owner--model"
    link = home / "snapshots" / COMMIT / "sub" / "m.gguf"
    assert (home, f"../../../blobs/{MARK}") == (cache.home, str(link.readlink()))
    assert b"content" == link.read_bytes()
    assert home / "blobs" / f"{MARK}.incomplete" == cache.partial(MARK)
    assert tmp_path / "hub" / ".locks" / "models--owner--model" / f"{MARK}.lock" == cache.lock(MARK)
    assert ["m.gguf"] == [path.name for path in link.parent.iterdir()]


def test_a_link_that_is_there_is_replaced(cache: HubCache) -> None:
    """Showing twice is no failure."""
    for _ in range(2):
        cache.show(COMMIT, "m.gguf", MARK)
    assert b"content" == (cache.snapshot(COMMIT) / "m.gguf").read_bytes()


def test_where_there_are_no_links_the_content_moves(cache: HubCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes its room once, and showing it again changes nothing."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        cache.show(COMMIT, "m.gguf", MARK)
    path = cache.snapshot(COMMIT) / "m.gguf"
    assert (b"content", False, False) == (path.read_bytes(), path.is_symlink(), cache.blob(MARK).exists())


@pytest.mark.parametrize("name", ["../m.gguf", "/m.gguf", "a/../../m.gguf", "C:m.gguf", "a\\m.gguf", "a\0", ""])
def test_a_name_stays_in_its_folder(cache: HubCache, name: str) -> None:
    """Whoever listed it."""
    with pytest.raises(ModelUnreadable, match="no name for a file"):
        cache.show(COMMIT, name, MARK)
    assert not cache.snapshot(COMMIT).exists()


def test_a_folder_that_is_a_link_is_not_followed(cache: HubCache, tmp_path: Path) -> None:
    """What is in the cache already is trusted no more than the hub."""
    (tmp_path / "outside").mkdir()
    cache.snapshot(COMMIT).mkdir(parents=True)
    (cache.snapshot(COMMIT) / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelUnreadable, match="leads out of"):
        cache.show(COMMIT, "sub/m.gguf", MARK)
    assert [] == list((tmp_path / "outside").iterdir())


def test_a_branch_points_to_its_commit(cache: HubCache) -> None:
    """Also one with a slash; a commit points to itself and needs no note."""
    for revision in ("main", "refs/pr/1", COMMIT):
        cache.point(revision, COMMIT)
    refs = cache.home / "refs"
    assert {"main", "refs/pr/1"} == {path.relative_to(refs).as_posix() for path in refs.rglob("*") if path.is_file()}
    assert COMMIT == (refs / "main").read_text()
