"""Machines for the checks: a folder of system files, and what the checks are given of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings


def machine(folder: Path, files: Mapping[str, str] | None = None, **more: Any) -> CheckContext:
    """Return a Linux machine whose system files are *files*, with nothing of this one's; *more* are members of its context."""
    for path, text in (files or {}).items():
        write(folder / "root" / path.removeprefix("/"), text)
    given: dict[str, Any] = {
        "environ": {},
        "home": folder / "home",
        "state": folder / "state",
        "root": folder / "root",
        "user": "ann",
        "platform": "linux",
        "address": "http://127.0.0.1:11435",
    }
    return CheckContext(**(given | more))


def write(path: Path, text: str) -> Path:
    """Write *text* to *path* and make the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def only(findings: Findings) -> CheckFinding:
    """Return the one finding; a bad one says why, and what to do."""
    (found,) = findings
    if found.status in ("fail", "warn"):
        assert found.why
        assert found.remedy
    return found


def said(findings: Findings) -> tuple[str, str]:
    """Return the status of the one finding and its remedy."""
    found = only(findings)
    return found.status.value, found.remedy
