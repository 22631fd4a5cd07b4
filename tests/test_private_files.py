"""Who may read the daemon's files, and what happens where they cannot be written."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.private_files import make_private_folder, open_private, why_unwritable, write_private


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_missing_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    """Those above the wanted one as well: whoever can enter them can list what is below."""
    make_private_folder(tmp_path / "a" / "b" / "c")
    assert [0o700] * 3 == [_mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")]


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    """An earlier version made it so; one that is shared on purpose, as /tmp, stays, and so do those above."""
    (tmp_path / "above" / "own").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    make_private_folder(tmp_path / "above" / "own")
    make_private_folder(tmp_path / "shared")
    assert (0o700, 0o777, 0o1777) == (
        _mode(tmp_path / "above/own"),
        _mode(tmp_path / "above"),
        _mode(tmp_path / "shared"),
    )


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """New ones from the first moment, old ones as soon as they are opened."""
    (tmp_path / "old").write_text("x")
    os.close(open_private(tmp_path / "old", os.O_RDONLY))
    os.close(open_private(tmp_path / "new", os.O_RDWR | os.O_CREAT))
    write_private(tmp_path / "whole.json", "x")
    assert {0o600} == {_mode(path) for path in tmp_path.iterdir()}
    assert 3 == len(list(tmp_path.iterdir()))


def test_links_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    """A link could lead anywhere, and a pipe would keep the daemon waiting for a writer."""
    (tmp_path / "target").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
            with pytest.raises(OSError):  # noqa: PT011 - the numbers differ between systems
                open_private(tmp_path / name, flags)


def test_a_link_in_the_drafts_place_is_not_written_through(tmp_path: Path) -> None:
    """The file gets its content, and what the link names keeps its own."""
    (tmp_path / "target").write_text("kept")
    (tmp_path / "file.tmp").symlink_to(tmp_path / "target")
    write_private(tmp_path / "file.json", "new")
    assert ("kept", "new") == ((tmp_path / "target").read_text(), (tmp_path / "file.json").read_text())


def test_says_why_nothing_can_be_written(tmp_path: Path) -> None:
    """A file in the folder's place is a reason; a folder that works leaves no trace of the trial."""
    assert why_unwritable(tmp_path) is None
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    assert why_unwritable(tmp_path / "file")
