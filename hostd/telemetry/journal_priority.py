"""Priorities of log lines for systemd's journal: the prefix ``<N>`` of sd-daemon(3), which the journal takes off again."""

import os
from collections.abc import Mapping
from typing import Any, TextIO

_VARIABLE = "JOURNAL_STREAM"
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def is_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether systemd's journal reads *stream*: the variable is inherited, also by those whose output goes elsewhere."""
    try:
        about = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get(_VARIABLE) == f"{about.st_dev}:{about.st_ino}"


def with_priority_of(level: str, line: str) -> str:
    """Return one *line* with the priority of *level*."""
    return f"<{PRIORITIES.get(level, 6)}>{line}"


def with_priority(_logger: object, method: str, lines: Any) -> str:
    """Return *lines*, a text, each with the priority of the level that *method* names."""
    return "\n".join(with_priority_of(method, line) for line in lines.split("\n"))
