"""Sockets of engines lie where only the daemon's own user can go."""

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.supervisor.process.socket_folder import LONGEST_PATH, SocketFolder, candidates, prepare, remove_stale


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough, which those of tests often are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_paths_are_new_and_can_be_listened_on(short: Path) -> None:
    """In a folder of mode 0700, whatever it was before."""
    folder = short / "engines"
    folder.mkdir(mode=0o777)
    sockets = SocketFolder([folder])
    paths = [sockets.new_path() for _ in range(3)]
    assert 3 == len(set(paths))
    for path in paths:
        assert path is not None
        assert folder == path.parent
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert f"<SocketFolder {folder}>" == repr(sockets)


def test_the_next_folder_is_taken_where_one_will_not_do(short: Path) -> None:
    """A path that is too long, a file, and a link that leads elsewhere."""
    (short / "file").touch()
    (short / "link").symlink_to(short)
    unusable = [short / ("x" * LONGEST_PATH), short / "file", short / "link"]
    path = SocketFolder([*unusable, short / "good"]).new_path()
    assert path is not None
    assert short / "good" == path.parent


def test_without_any_a_private_one_is_made_and_removed(short: Path) -> None:
    """It is the daemon's alone."""
    sockets = SocketFolder([short / ("x" * LONGEST_PATH)])
    path = sockets.new_path()
    assert path is not None
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
    sockets.close()
    assert not path.parent.exists()
    SocketFolder([]).close()


def test_a_machine_may_have_no_place_at_all(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is no path, and engines listen on ports."""
    monkeypatch.setattr(tempfile, "tempdir", str(short / "none"))
    assert SocketFolder([]).new_path() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_somebody_else_is_not_used(short: Path) -> None:
    """They could put a socket of their own there."""
    (short / "theirs").mkdir()
    os.chown(short / "theirs", 65533, 65533)
    with pytest.raises(OSError, match="no folder of this user"):
        prepare(short / "theirs")


def test_a_folder_that_others_can_exchange_is_not_used(short: Path) -> None:
    """Whoever may write the folder above may put one of their own in its place; in a sticky one, only what is theirs."""
    above = short / "above"
    above.mkdir()
    above.chmod(0o777)
    with pytest.raises(OSError, match="written by others"):
        prepare(above / "engines")
    above.chmod(0o1777)
    assert above / "engines" == prepare(above / "engines")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_below_somebody_elses_is_not_used(short: Path) -> None:
    """As root with the environment of the user who called it, say."""
    (short / "theirs").mkdir()
    os.chown(short / "theirs", 65533, 65533)
    with pytest.raises(OSError, match="another user"):
        prepare(short / "theirs" / "engines")


def test_only_sockets_that_nobody_listens_on_are_removed(short: Path) -> None:
    """Another daemon of this user may have engines in the same folder."""
    used, stale, other = (short / f"engine-{name}.sock" for name in ("used", "stale", "other"))
    other.write_text("no socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(used))
        server.listen()
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(str(stale))
        prepare(short)
        assert {used, other} == set(short.iterdir())
    remove_stale(used)
    remove_stale(short / "none")
    assert {other} == set(short.iterdir())


def test_the_session_comes_before_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system makes for sockets is short and in memory; a relative path is no place."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/hostd:/run/other")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    temporary = Path(tempfile.gettempdir()) / f"hostd-{os.geteuid()}"
    expected = ["/run/hostd/hostd-engines", "/run/user/1/hostd-engines", "/state/sockets"]
    assert [*map(Path, expected), temporary] == candidates(Path("/state"))
    monkeypatch.setenv("RUNTIME_DIRECTORY", "")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    assert [Path("/state/sockets"), temporary] == candidates(Path("/state"))
