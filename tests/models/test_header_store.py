"""What was fetched once is found again, and a damaged cache is only an empty one."""

import os
from pathlib import Path

import pytest

from hostd.models.header_store import CachedHeader, HeaderStore

KEPT = CachedHeader("https://hub/../../etc/passwd", "abc", 9, b"\x00\n\xff")


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """Bytes, size and etag, by address; another address has nothing."""
    store = HeaderStore(tmp_path / "new" / "headers")
    store.put(KEPT)
    assert KEPT == store.get(KEPT.url)
    assert store.get("https://hub/other") is None


def test_an_address_chooses_no_path(tmp_path: Path) -> None:
    """Files are named by a digest, whatever the address holds."""
    HeaderStore(tmp_path).put(KEPT)
    (file,) = tmp_path.iterdir()
    assert file.name.isalnum()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]\n", b"\xff\xfe\n", b'{"url": "x", "length": 0}\n', None])
def test_a_damaged_file_is_no_file(tmp_path: Path, content: bytes | None) -> None:
    """Nonsense, another address's content, or a file cut short is fetched again."""
    store = HeaderStore(tmp_path)
    store.put(KEPT)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    assert store.get(KEPT.url) is None


def test_a_place_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    """Without a cache everything works, only slower."""
    (tmp_path / "file").write_text("")
    store = HeaderStore(tmp_path / "file" / "headers")
    store.put(KEPT)
    assert store.get(KEPT.url) is None


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    """Beyond its bound the cache forgets what was not used for longest."""
    store = HeaderStore(tmp_path, most=2500)
    for number in range(3):
        kept = CachedHeader(f"https://hub/{number}", "", None, bytes(1000))
        store.put(kept)
        os.utime(store._path(kept.url), (number, number))
    store.put(CachedHeader("https://hub/3", "", None, bytes(1000)))
    assert [False, False, True, True] == [store.get(f"https://hub/{number}") is not None for number in range(4)]
