"""What an engine writes is read to the end, and by the next daemon where the engine outlives this one."""

import asyncio
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from hostd.supervisor.process.engine_output import EngineOutput, remove_unread
from hostd.supervisor.process.log_ring import LogRing

TALKER = (sys.executable, "-I", "-S", "-u", "-c", "import sys\nfor line in sys.stdin: print(line, end='')")


async def lines(ring: LogRing, count: int) -> tuple[str, ...]:
    """Return what *ring* holds once that is *count* lines."""
    async with asyncio.timeout(10), aclosing(ring.follow(1000)) as found:
        return tuple([await anext(found) for _ in range(count)])


async def test_the_next_daemon_reads_what_was_written_meanwhile(tmp_path: Path) -> None:
    """An engine that nobody reads is told of no broken pipe, and not a line of it is lost."""
    first, second = LogRing(), LogRing()
    output = EngineOutput.opened(first, tmp_path)
    assert output.path is not None
    assert 0o600 == output.path.stat().st_mode & 0o777
    with subprocess.Popen(TALKER, stdin=subprocess.PIPE, stdout=output.theirs, text=True, bufsize=1) as engine:  # noqa: ASYNC220
        assert engine.stdin is not None
        output.listen()
        engine.stdin.write("one\n")
        assert ("one",) == await lines(first, 1)
        output.release()
        engine.stdin.write("two\nthree\n")
        again = EngineOutput.reopened(second, output.path)
        again.listen()
        assert ("two", "three") == await lines(second, 2)
        engine.stdin.close()
        assert 0 == engine.wait()
        again.close()
    assert [] == os.listdir(tmp_path)  # noqa: PTH208 - one call


async def test_without_a_folder_the_pipe_has_no_name(tmp_path: Path) -> None:
    """So it is where none can be made: the engine then ends with its daemon."""
    for folder in (None, tmp_path / "none"):
        output = EngineOutput.opened(LogRing(), folder)
        assert output.path is None
        output.close()


async def test_only_a_pipe_is_read(tmp_path: Path) -> None:
    """A file or a link in its place is somebody else's."""
    (tmp_path / "file").write_text("a line\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name, why in (("file", "is no pipe"), ("link", "symbolic link"), ("none", "No such file")):
        with pytest.raises(OSError, match=why):
            EngineOutput.reopened(LogRing(), tmp_path / name)


def test_pipes_of_engines_that_are_gone_are_removed(tmp_path: Path) -> None:
    """Those that are still read stay, and so does whatever is no pipe."""
    for name in ("output-1", "output-2", "other"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "output-3").write_text("")
    remove_unread(tmp_path, frozenset({tmp_path / "output-2"}))
    assert ["other", "output-2", "output-3"] == sorted(path.name for path in tmp_path.iterdir())
