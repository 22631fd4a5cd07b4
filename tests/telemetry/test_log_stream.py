"""A reader that takes nothing costs lines, which are counted, and never holds up who writes them."""

import errno
import io
import os
import threading
from pathlib import Path

import pytest

from hostd.telemetry.log_stream import LogStream, as_stream


def taken(reader: int) -> list[str]:
    """Return the lines that *reader* yields until its end."""
    with os.fdopen(reader, encoding="utf-8") as lines:
        return lines.read().splitlines()


def test_writes_lines_in_order() -> None:
    """All of them are written when it is closed."""
    reader, writer = os.pipe()
    stream = LogStream(writer)
    for number in range(500):
        stream.write(f"{number}\n")
    stream.close()
    os.close(writer)
    assert [str(number) for number in range(500)] == taken(reader)


@pytest.mark.parametrize("blocking", [True, False])
def test_leaves_lines_out_that_nobody_reads(blocking: bool) -> None:
    """What is kept is in order, and each gap tells in its place how many lines are missing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    stream = LogStream(writer, capacity=10_000)
    count = 3_000
    for number in range(count):
        stream.write(f"{number:099d}\n")
    stream.close(within=0.01)
    following, gaps = 0, 0
    with os.fdopen(reader, encoding="utf-8") as lines:
        while following < count:
            line = lines.readline()
            if "left out" in line:
                following += int(line.split()[1])
                gaps += 1
            else:
                assert f"{following:099d}\n" == line
                following += 1
    os.close(writer)
    assert count == following
    assert gaps


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EPIPE, errno.EAGAIN])
def test_tears_and_reorders_no_line_where_writing_fails_for_a_while(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A disk that has space again, a terminal that is resumed: each byte is written once, in order."""
    reader, writer = os.pipe()
    put, tried, failed = os.write, [0], threading.Event()

    def failing(descriptor: int, data: bytes) -> int:
        if descriptor != writer:
            return put(descriptor, data)
        tried[0] += 1
        if tried[0] == 2:
            failed.set()
            raise OSError(code, os.strerror(code))
        return put(descriptor, data[:3] if tried[0] == 1 else data)

    monkeypatch.setattr(os, "write", failing)
    monkeypatch.setattr("hostd.telemetry.log_stream._RETRY", 0.01)
    stream = LogStream(writer)
    stream.write("line one\n")
    assert failed.wait(5)
    stream.write("line two\n")
    with os.fdopen(reader, encoding="utf-8") as lines:
        assert ["line one\n", "line two\n"] == [lines.readline(), lines.readline()]
    stream.close()
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_outlives_a_full_disk() -> None:
    """Lines are lost; whoever writes them gets no error, and closing takes no longer than it may."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            full.write(b"x")
        stream = LogStream(full.fileno())
        for number in range(100):
            stream.write(f"{number}\n")
        stream.close()


def test_outlives_its_reader() -> None:
    """A reader that is gone costs only the lines."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = LogStream(writer)
    stream.write("one\n")
    stream.write("two\n")
    stream.close()
    os.close(writer)


def test_needs_a_file_of_the_system() -> None:
    """Text in memory has no descriptor."""
    assert as_stream(io.StringIO()) is None
