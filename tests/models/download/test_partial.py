"""A file grows, survives its process, and is summed to the last byte."""

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostd.models.download.partial import PartialFile
from hostd.models.errors import DiskFull, ModelUnreadable

CONTENT = bytes(range(256)) * 16
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILL = """
import pathlib, resource, sys
from hostd.models.download.partial import PartialFile
from hostd.models.errors import DiskFull
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with PartialFile(pathlib.Path(sys.argv[1]), 4096, "") as partial:
    try:
        partial.append(bytes(4096))
    except DiskFull as error:
        print(error.message)
"""


def test_what_was_kept_is_taken_up_and_counts(tmp_path: Path) -> None:
    """The sum of both halves is that of the whole."""
    path = tmp_path / "blobs" / "a.incomplete"
    with PartialFile(path, len(CONTENT), SHA256) as partial:
        partial.append(CONTENT[:1000])
    with PartialFile(path, len(CONTENT), SHA256) as partial:
        partial.take_up()
        assert (1000, True) == (partial.count, partial.joined)
        partial.append(CONTENT[1000:])
        assert partial.is_right()
        partial.finish(tmp_path / "done" / "a")
    assert CONTENT == (tmp_path / "done" / "a").read_bytes()
    assert not path.exists()


def test_another_content_is_not_right(tmp_path: Path) -> None:
    """A single byte is enough; after a new beginning the right content is right."""
    with PartialFile(tmp_path / "a", len(CONTENT), SHA256) as partial:
        partial.append(b"x" + CONTENT[1:])
        assert not partial.is_right()
        partial.restart()
        partial.append(CONTENT)
        assert partial.is_right()


def test_more_than_the_file_can_have_is_no_beginning_of_it(tmp_path: Path) -> None:
    """It is dropped."""
    (tmp_path / "a").write_bytes(CONTENT + b"x")
    with PartialFile(tmp_path / "a", len(CONTENT), SHA256) as partial:
        partial.take_up()
        assert (0, False) == (partial.count, partial.joined)


@pytest.mark.parametrize("trap", ["link", "pipe", "folder"])
def test_bytes_go_nowhere_else(tmp_path: Path, trap: str) -> None:
    """R7, CVE-2024-45436 (Ollama: what was unpacked went where a name or a link led).

    A link, a pipe or a folder in the place of the file is refused, and what it leads to is not touched.
    """
    path = tmp_path / "a"
    match trap:
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(ModelUnreadable, match="remove it"), PartialFile(path, 10, "") as partial:
        partial.take_up()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("number", "why"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "your quota")])
def test_a_full_disk_is_said_and_what_came_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, why: str
) -> None:
    """The sentence says how far it came."""

    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with PartialFile(tmp_path / "a", 10, "") as partial:
        partial.append(b"12345")
        monkeypatch.setattr("hostd.models.download.partial.os.write", full)
        with pytest.raises(DiskFull, match=f"{why}.*after 5 B of 10 B.*is kept"):
            partial.append(b"67890")
    assert b"12345" == (tmp_path / "a").read_bytes()


def test_a_file_that_may_not_grow_further_keeps_what_it_has(tmp_path: Path) -> None:
    """As on a file system that knows no large files: here, a limit of the process."""
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "a")], capture_output=True, text=True, timeout=20, check=True
    )
    assert "no file may be that large there after 1000 B of 4.0 KiB" in done.stdout
    assert 1000 == (tmp_path / "a").stat().st_size
