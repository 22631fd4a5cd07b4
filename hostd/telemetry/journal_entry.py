"""Entries of systemd's journal with fields of their own, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).

Each is one datagram: what people read as MESSAGE, and every value as a field, so that ``journalctl HOSTD_MODEL=chat`` finds it.
"""

import json
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from hostd.telemetry.journal_priority import PRIORITIES, is_journal
from hostd.telemetry.log_stream import LogStream
from hostd.telemetry.tracebacks import printable

_SOCKET = Path("/run/systemd/journal/socket")
_LONGEST = 16 * 1024
"""Characters of a value: a datagram of some 200,000 bytes is the largest that is taken."""
_ALREADY_THERE = frozenset({"timestamp", "level", "event", "exception"})
_PREFIX = "HOSTD_"


def journal_stream(stream: TextIO, path: Path = _SOCKET) -> LogStream | None:
    """Return a stream of entries where systemd's journal reads *stream*; None where it does not, or has no socket at *path*."""
    if not is_journal(stream):
        return None
    with suppress(OSError):
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            journal.connect(str(path))
        except OSError:
            journal.close()
            raise
        return LogStream(journal.detach())
    return None


def entry(_logger: object, method: str, event: MutableMapping[str, Any]) -> bytes:
    """Return a log event as an entry, less its last line end."""
    about = {name: value for name, value in event.items() if name not in _ALREADY_THERE}
    said = " ".join([str(event["event"]), *(f"{name}={_shown(value)}" for name, value in about.items())])
    fields = {
        "MESSAGE": f"{said}\n{event['exception']}" if "exception" in event else said,
        "PRIORITY": str(PRIORITIES.get(method, 6)),
        "SYSLOG_IDENTIFIER": "hostd",
        f"{_PREFIX}EVENT": str(event["event"]),
        **{_PREFIX + name.upper(): _text(value) for name, value in about.items()},
    }
    return b"\n".join(_field(name, value[:_LONGEST]) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" in data:
        return b"%b\n%b%b" % (name.encode(), len(data).to_bytes(8, "little"), data)
    return b"%b=%b" % (name.encode(), data)


def _text(value: object) -> str:
    """Return *value* as text without control characters, since the journal shows none of an entry that has some."""
    return printable(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))


def _shown(value: object) -> str:
    """Return *value* as one word of a message."""
    text = _text(value)
    return text if text and not any(each in text for each in ' "=') else json.dumps(text, ensure_ascii=False)
