"""Programs are started alike, bounded in time and output, and leave nothing behind."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hostd import programs
from hostd.programs import PIPE, ProgramOutput, find_program, output_of, quiet_environment, start_program

PYTHON = (sys.executable, "-I", "-S", "-c")
ENV = {"PATH": os.defpath}


def said(code: str, **more: bool) -> ProgramOutput | None:
    """Return what a Python program prints."""
    return output_of((*PYTHON, code), ENV, seconds=20, **more)


def gone(pid: int) -> bool:
    """Return whether *pid* has ended, waiting a moment for it."""
    for _ in range(500):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def test_returns_what_is_printed() -> None:
    """With the exit status, bad UTF-8 replaced, and the other stream only where it was asked for."""
    code = (
        "import sys; sys.stdout.buffer.write(b'a\\xff'); sys.stdout.flush(); print('b', file=sys.stderr); sys.exit(3)"
    )
    assert ProgramOutput(3, "a\ufffd") == said(code)
    assert ProgramOutput(3, "a\ufffdb\n") == said(code, errors_too=True)


def test_what_is_printed_between_two_looks_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has just ended may have printed since nothing was there to read."""
    has_ended = programs._has_ended

    def later(program: programs.Program) -> bool:
        while not has_ended(program):
            time.sleep(0.001)
        return True

    monkeypatch.setattr(programs, "_has_ended", later)
    monkeypatch.setattr(programs, "_PAUSE", 0.0)
    assert ProgramOutput(0, "said\n") == said("import time; time.sleep(0.1); print('said')")


def test_a_program_knows_nothing_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is what was given, its folder is the root, it has no input, and it leads a session."""
    monkeypatch.setenv("SECRET_TOKEN", "sk-1")
    code = "import os; print(sorted(os.environ), os.getcwd(), repr(os.read(0, 1)), os.getsid(0) == os.getpid())"
    found = said(code)
    assert found is not None
    assert "SECRET_TOKEN" not in found.text
    assert found.text.endswith("/ b'' True\n")
    assert "SECRET_TOKEN" not in quiet_environment()


@pytest.mark.parametrize("argv", [("/nowhere/at/all",), (__file__,), ("a\0b",)], ids=["missing", "no program", "zero"])
def test_what_cannot_be_started_says_nothing(argv: tuple[str, ...]) -> None:
    """The caller needs no handler of its own."""
    assert output_of(argv, ENV, seconds=5) is None


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    """Neither the program nor what it started outlives the limit."""
    pids = tmp_path / "pids"
    code = f"""
import os, pathlib, time
child = os.fork()
if child: pathlib.Path({str(pids)!r}).write_text(f"{{os.getpid()}} {{child}}")
time.sleep(600)
"""
    assert output_of((*PYTHON, code), ENV, seconds=1.5) is None
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_a_child_that_holds_the_output_neither_delays_nor_survives() -> None:
    """A wrapper that has ended has said all; what it left running is ended."""
    code = """
import os, time
child = os.fork()
if not child:
    time.sleep(600)
print(child, flush=True)
"""
    began = time.monotonic()
    found = said(code)
    assert time.monotonic() - began < 10
    assert found is not None
    assert 0 == found.status
    assert gone(int(found.text))


def test_output_without_end_is_not_kept() -> None:
    """A program that prints for ever is ended once it has printed too much."""
    assert said("while True: print('x' * 65536)") is None


def test_many_open_files_are_no_obstacle() -> None:
    """A daemon with thousands of connections can still ask."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert ProgramOutput(0, "here\n") == said("print('here')")
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit of another process cannot be set")
def test_the_limit_of_open_files_is_the_one_of_before() -> None:
    """What the daemon needs for its clients is not what an engine was made for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    try:
        with start_program((*PYTHON, "input()"), ENV, stdin=PIPE) as process:
            assert programs._AT_START == resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            process.kill()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_killed_program_has_its_signal_as_status() -> None:
    """As `subprocess` writes it."""
    assert ProgramOutput(-signal.SIGTERM, "") == said("import os; os.kill(os.getpid(), 15)")


_FOR_A_USER = (
    "import os, sys; from hostd import programs; sys.exit(programs.{how}(sys.argv[1:], dict(os.environ, A='a')))"
)
_TELLS_ITS_PLACE = "import os, sys; print(os.getppid(), os.getsid(0), os.getcwd(), os.environ['A']); sys.exit(5)"


@pytest.mark.parametrize("how", ["become_program", "run_in_foreground"])
def test_a_users_program_stays_where_it_was_asked_for(tmp_path: Path, how: str) -> None:
    """In the session and the folder of its user, with the environment that was given; its exit code is passed on."""
    argv = [sys.executable, "-c", _FOR_A_USER.format(how=how), *PYTHON, _TELLS_ITS_PLACE]
    root = {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(argv, cwd=tmp_path, env=ENV | root, stdout=PIPE) as run:
        assert run.stdout is not None
        parent, session, place, given = run.stdout.read().decode().split()
        assert 5 == run.wait(20)
        assert (str(run.pid) == parent) == (how == "run_in_foreground")
    assert (str(os.getsid(0)), str(tmp_path), "a") == (session, place, given)


_COUNTS_INTERRUPTS = """
import os, signal, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print("ready", flush=True)
until = time.monotonic() + 20
while not seen and time.monotonic() < until:
    time.sleep(0.01)
time.sleep(0.2)
print("seen", len(seen), flush=True)
"""


def test_what_is_typed_arrives_once(tmp_path: Path) -> None:
    """The terminal sends Ctrl-C to both; hostd neither ends of it nor passes it on."""
    master, slave = os.openpty()
    argv = [sys.executable, "-c", _FOR_A_USER.format(how="run_in_foreground"), *PYTHON, _COUNTS_INTERRUPTS]
    root = {"PYTHONPATH": str(Path(__file__).parents[1])}
    take = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    with subprocess.Popen(
        [*PYTHON, take, *argv], env=ENV | root, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as run:
        os.close(slave)
        said = b""
        while b"ready" not in said:
            said += os.read(master, 1024)
        os.write(master, b"\x03")
        while b"seen" not in said:
            said += os.read(master, 1024)
        assert 0 == run.wait(20)
    os.close(master)
    assert b"seen 1" in said


def test_nothing_else_starts_programs() -> None:
    """Ruff refuses it everywhere but here."""
    done = subprocess.run(
        (sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", "hostd/domain/x.py", "-"),
        input="import subprocess\nimport os\nos.system('true')\n",
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    if "No module named" in done.stderr:
        pytest.skip("ruff is not installed here")
    assert 2 == done.stdout.count("TID251")


def test_programs_are_found_by_name_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PATH, below the home folder, anywhere; what cannot be run, or is not there, is none."""
    program, text = tmp_path / "bin/engine", tmp_path / "notes"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    text.write_text("no program")
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert {str(program)} == {find_program(name) for name in ("engine", "~/bin/engine", str(program))}
    assert {None} == {find_program(name) for name in ("other", "~/bin/other", str(text), "~nobody-of-this-name/engine")}
