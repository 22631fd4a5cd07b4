"""Which build a llama.cpp is."""

import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp.build import LAUNCHER, build_of


@pytest.mark.parametrize(
    ("said", "build"),
    [("version: 11434 (0c1e57098)", 11434), ("version: 0.6.0-dev (build 0, commit unknown)", None), ("", None)],
)
def test_a_server_is_asked_for_its_build(tmp_path: Path, said: str, build: int | None) -> None:
    """It prints the number on standard error; a packager may have left it out."""
    server = tmp_path / "llama-server"
    server.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    server.chmod(0o755)
    assert build == build_of((str(server),))


def test_the_wheel_carries_its_build_in_its_version() -> None:
    """A recent wheel is a recent llama.cpp."""
    pytest.importorskip("xllamacpp")
    build = build_of((sys.executable, "-P", "-u", str(LAUNCHER)))
    assert build is not None
    assert build > 9000


def test_a_missing_program_has_no_build(tmp_path: Path) -> None:
    """That is no failure here: the start reports it."""
    assert build_of((str(tmp_path / "nothing"),)) is None
