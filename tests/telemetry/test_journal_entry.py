"""Under systemd each event is an entry of the journal with fields, by its own protocol."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from hostd.telemetry import decision_log
from hostd.telemetry.journal_entry import entry, journal_stream
from tests.telemetry.example_decisions import EXAMPLES
from tests.telemetry.example_records import request


def read(data: bytes) -> dict[str, str]:
    """Return the fields of one datagram, read as the journal does."""
    fields = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            data = rest
        else:
            size = int.from_bytes(rest[:8], "little")
            value, end = rest[8 : 8 + size], rest[8 + size : 9 + size]
            assert b"\n" == end
            data = rest[9 + size :]
        assert name.decode().replace("_", "").isalnum()
        assert name.decode().upper() == name.decode()
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A journal's socket, which reads the standard error that `stderr` in the same folder stands for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(5)
        (tmp_path / "stderr").touch()
        about = (tmp_path / "stderr").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
        yield server
    structlog.reset_defaults()


def test_fields_of_an_event() -> None:
    """A message for people, the priority, and each value by itself, also one of several lines."""
    event = {"event": "engine_failed", "model": "chat", "why": "it said: no", "again_in_s": None, "charged_to": ["a"]}
    fields = read(entry(None, "error", event | {"exception": "Traceback\n  line"}) + b"\n")
    assert {
        "MESSAGE": 'engine_failed model=chat why="it said: no" again_in_s=null charged_to="[\\"a\\"]"\nTraceback\n  line',
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "hostd",
        "HOSTD_EVENT": "engine_failed",
        "HOSTD_MODEL": "chat",
        "HOSTD_WHY": "it said: no",
        "HOSTD_AGAIN_IN_S": "null",
        "HOSTD_CHARGED_TO": '["a"]',
    } == fields


def test_nothing_forges_a_field() -> None:
    """What a stranger says stays the value of its own, and the journal shows it."""
    fields = read(
        entry(None, "info", {"event": "request", "client": "me\nPRIORITY=0\x1b[31m\n_UID=0", "request": "a=b"}) + b"\n"
    )
    assert ("6", r"me\nPRIORITY=0\x1b[31m\n_UID=0", "a=b") == tuple(
        fields[name] for name in ("PRIORITY", "HOSTD_CLIENT", "HOSTD_REQUEST")
    )
    assert "_UID" not in fields
    assert all(value.isprintable() for value in map(str, fields.values()))


def test_every_decision_is_an_entry(journal: socket.socket, tmp_path: Path) -> None:
    """One datagram each, requests too, in order."""
    with (tmp_path / "stderr").open("w") as stderr:
        stream = journal_stream(stderr, tmp_path / "socket")
        assert stream is not None
        decisions = decision_log.configure(level="debug", stream=stderr, journal=stream)
        for decision in EXAMPLES:
            decisions.decided(decision, 0.0)
            read(journal.recv(1 << 18))
        decisions.finished(request(client="me"))
        structlog.get_logger().warning("careful", size="x" * 100_000)
        entries = [read(journal.recv(1 << 18)) for _ in range(2)]
        stream.close()
        os.close(stream.fileno())
    assert [("request", "6", "alpha"), ("careful", "4", None)] == [
        (each["HOSTD_EVENT"], each["PRIORITY"], each.get("HOSTD_MODEL")) for each in entries
    ]
    assert 20_000 > len(entries[1]["HOSTD_SIZE"])
    assert "" == (tmp_path / "stderr").read_text()


def test_without_a_journal_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it does not read standard error, or its socket is not there."""
    with (tmp_path / "stderr").open("w") as stderr:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        assert journal_stream(stderr, tmp_path / "socket") is None
        about = os.fstat(stderr.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
        assert journal_stream(stderr, tmp_path / "socket") is None
