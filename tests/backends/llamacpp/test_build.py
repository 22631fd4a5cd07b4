"""Which build a llama.cpp is."""

import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp.build import LAUNCHER, build_of, kept_build_of


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


def test_a_program_is_asked_once(tmp_path: Path) -> None:
    """Its answer is kept with its size and date; an updated one is asked anew, and nothing damaged is believed."""
    server, kept, asked = tmp_path / "llama-server", tmp_path / "state" / "build.json", tmp_path / "asked"

    def install(number: int) -> None:
        server.write_text(f"#!/bin/sh\necho x >> {asked}\necho 'version: {number} (0c1e57098)'\n")
        server.chmod(0o755)

    install(11434)
    assert [11434, 11434] == [kept_build_of((str(server),), kept) for _ in range(2)]
    assert 1 == len(asked.read_text().splitlines())
    install(911500)
    assert 911500 == kept_build_of((str(server),), kept)
    kept.write_text("{")
    assert 911500 == kept_build_of((str(server),), kept)
    assert 3 == len(asked.read_text().splitlines())


def test_what_cannot_be_kept_is_asked_again(tmp_path: Path) -> None:
    """A state folder that cannot be made costs a question, and no answer."""
    server = tmp_path / "llama-server"
    server.write_text("#!/bin/sh\necho 'version: 7 (x)'\n")
    server.chmod(0o755)
    (tmp_path / "file").write_text("")
    assert 7 == kept_build_of((str(server),), tmp_path / "file" / "build.json")
    assert kept_build_of((str(tmp_path / "nothing"),), tmp_path / "build.json") is None
