"""The Python behind a console script."""

import sys
from pathlib import Path

import pytest

from hostd.backends.environment import interpreter_of


def script(path: Path, text: str) -> str:
    """Write an executable *text*."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_python_is_itself() -> None:
    """By whatever version its name ends."""
    assert sys.executable == interpreter_of(sys.executable)


@pytest.mark.parametrize(
    "text",
    [
        "#!{python}\nimport x\n",
        "#! {python} -I\n",
        "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_a_script_names_its_python(tmp_path: Path, text: str) -> None:
    """In its first line, or in the line of shell that stands for one that is too long."""
    assert sys.executable == interpreter_of(script(tmp_path / "engine", text.format(python=sys.executable)))


def test_a_script_that_asks_the_environment_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``/usr/bin/env python3`` is the one on PATH, and so is a program that is only named."""
    python = script(tmp_path / "python3", "")
    script(tmp_path / "engine", "#!/usr/bin/env python3\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert python == interpreter_of("engine")


@pytest.mark.parametrize("text", ["#!/bin/bash\n", "\x7fELF", "", "#!\n"])
def test_other_programs_have_none(tmp_path: Path, text: str) -> None:
    """A wrapper in another language hides its Python, if it has one."""
    assert interpreter_of(script(tmp_path / "engine", text)) is None
    assert interpreter_of("no-such-program") is None
