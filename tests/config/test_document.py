"""One file: read, filled in and checked."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.config.document import MAX_BYTES, Document
from hostd.config.host_file import HostFile
from hostd.config.profile_file import ProfileFile
from hostd.config.section import Section

HEAD = b"name: p\nvariants: [{backend: llamacpp, path: x}]\n"


def _told(file: Path, shape: type[Section] = ProfileFile, **environ: str) -> list[str]:
    document = Document(file, environ)
    document.checked(shape)
    return [str(problem).removeprefix(f"{file}:") for problem in document.problems]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (HEAD + b"# caf\xe9\n", "3:6: the byte 0xE9 is no UTF-8; save the file as UTF-8"),
        (b"\xff\xfen\x00", "1:1: the byte 0xFF is no UTF-8; save the file as UTF-8"),
        (b"#" * (MAX_BYTES + 1), "1:1: this file is larger than 1024 KiB; hostd's files are short"),
        (b"- a\n- b\n", "1:1: the file must hold keys and values, not a list"),
        (b"just words", "1:1: the file must hold keys and values, not 'just words'"),
        (b"name:\n\tp", "2:1: a tab cannot indent YAML; use spaces"),
    ],
)
def test_unreadable_files_have_one_problem(tmp_path: Path, data: bytes, problem: str) -> None:
    """A file that cannot be parsed is reported once, without missing keys."""
    file = tmp_path / "p.yaml"
    file.write_bytes(data)
    assert [problem] == _told(file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What the system says is passed on, with what to look at."""
    why = os.strerror(errno.EISDIR)
    assert [f"1:1: this file cannot be read: {why}; correct its name or its permissions"] == _told(tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors on other systems begin files with one."""
    file = tmp_path / "p.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + HEAD)
    assert [] == _told(file)


@given(data=st.binary(max_size=80) | st.text("{}[]:-&*!|>'\"%@`#,? \n\tab", max_size=60).map(str.encode))
def test_no_file_is_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever bytes a file holds, it is a profile or it has problems."""
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(data)
    document = Document(file, {})
    assert (document.checked(ProfileFile) is None) == bool(document.problems)


def test_the_environment_fills_in_whole_values(tmp_path: Path) -> None:
    """Text, numbers, durations and switches can all come from variables."""
    file = tmp_path / "hostd.yaml"
    file.write_text("limits: {max_queue: '${env:N}', queue_timeout: '${env:T}'}\nwarm: {preload: '${env:P}'}\n")
    checked = Document(file, {"N": "7", "T": "5s", "P": "false"}).checked(HostFile)
    assert checked is not None
    assert ({"max_queue": 7, "queue_timeout": 5.0}, {"preload": False}) == (
        checked.limits.written(),
        checked.warm.written(),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kv_type: ${env:GONE}", "3:10: the environment variable GONE is not set (or empty)"),
        ("kv_type: ${env:EMPTY}", "3:10: the environment variable EMPTY is not set (or empty)"),
        ("aliases: ['a-${env:KEY}']", "3:11: ${env:NAME} must be the whole value"),
        ("kv_type: ${env:KEY}", "3:10: kv_type: '${env:KEY}' is not one of the values here"),
        ("context: ${env:KEY}", "3:10: context: '${env:KEY}' is no whole number"),
        ("warm: {keep_alive: '${env:KEY}'}", "3:20: warm.keep_alive: '${env:KEY}' is not a duration"),
        ("price: {input: '${env:KEY}'}", "3:16: price.input: '${env:KEY}' is no number"),
        ("fallback: [{to: x, on: ['${env:KEY}']}]", "3:25: fallback[0].on[0]: '${env:KEY}' is not one of the values"),
    ],
)
def test_references_are_told_without_their_values(tmp_path: Path, text: str, problem: str) -> None:
    """A variable that is missing or does not fit is one problem, and what it holds is never printed."""
    file = tmp_path / "p.yaml"
    file.write_bytes(HEAD + text.encode())
    [line] = _told(file, KEY="sk-very-secret", EMPTY="")
    assert problem == line[: len(problem)]
    assert "sk-very-secret" not in line


def test_a_file_that_need_not_exist_is_empty(tmp_path: Path) -> None:
    """Without a `hostd.yaml` the defaults hold."""
    assert Document(tmp_path / "hostd.yaml", {}, exists=False).checked(HostFile) == HostFile()
