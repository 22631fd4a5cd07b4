"""The one place where hostd starts programs: engines, short questions to programs about themselves, and agents for their user.

Every program gets an environment made from nothing, so that no key of the daemon's reaches one by accident; a session of its own,
so that Ctrl-C in the daemon's terminal does not reach it and one signal reaches all that it starts; ``/`` as its folder, since the
daemon's own may be unmounted while it runs; no shell; and the limit of open files that the daemon was started with. Only what a
user works with (`become_program`, `run_in_foreground`) keeps terminal, session and folder.
"""

import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

NOTHING, PIPE = subprocess.DEVNULL, subprocess.PIPE
Program = subprocess.Popen[bytes]

LARGEST_OUTPUT = 4 << 20
"""Bytes of an answer; a program that prints more is none that was asked a short question."""

_PAUSE = 0.005
_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)
# The daemon raises its own limit. Some programs close or watch every descriptor up to theirs, so they get the one of before.


def find_program(name: str) -> str | None:
    """Return the path of the program *name*, which is a path, one below ``~``, or a name on PATH; None where there is none."""
    return shutil.which(os.path.expanduser(name) if name.startswith("~") else name)  # noqa: PTH111 - a name is no path


def start_program(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int = NOTHING,
    stdout: int = NOTHING,
    stderr: int = NOTHING,
    blocked: Collection[signal.Signals] = (),
) -> Program:
    """Start *argv* with exactly *env*; without *stdin* it has none, since one that reads a terminal would be stopped by it.

    The signals *blocked* never reach it, from its first moment on.

    Raises:
        OSError: The program cannot be started.
        ValueError: An argument cannot be passed.
    """
    # A program inherits what is blocked in the thread that starts it; those for this process wait, or go to another thread.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        process = subprocess.Popen(  # noqa: S603 - what to start is the owner's, a list of words, and no shell sees it
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=dict(env),
            cwd="/",
            start_new_session=True,
            bufsize=0,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if sys.platform == "linux" and resource.getrlimit(resource.RLIMIT_NOFILE) != _AT_START:
        # Not between fork and exec: code that runs there may deadlock in a process with threads.
        with suppress(OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, _AT_START)
    return process


def become_program(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Let *argv*, whose first word is a path, take the place of this process.

    Raises:
        OSError: The program cannot be started.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Python ignores it, and what is ignored stays so in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(argv[0], list(argv), dict(env))  # noqa: S606 - no shell is wanted


def run_in_foreground(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run *argv* in this terminal, pass signals on to it, and return its exit code: 128 and the signal's number where one ended it.

    Raises:
        OSError: The program cannot be started.
    """
    program: subprocess.Popen[bytes] | None = None
    early: list[int] = []
    # What is typed on a terminal reaches the program without our help; passed on, it would be a second Ctrl-C.
    typed = {signal.SIGINT, signal.SIGQUIT} if os.isatty(0) else set[signal.Signals]()

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number in typed:
            return
        if program is None:
            early.append(number)
        else:
            program.send_signal(number)

    # A handler is not inherited, as a signal that is ignored would be.
    before = {each: signal.signal(each, pass_on) for each in _PASSED_ON}
    try:
        program = subprocess.Popen(argv, env=dict(env))  # noqa: S603 - the user's own words, and no shell sees them
        for number in early:
            program.send_signal(number)
        status = program.wait()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    return status if status >= 0 else 128 - status


def end_program(program: Program, grace: float) -> None:
    """Close the pipes of *program*, which is to end with its input; kill it if it has not within *grace* seconds. Blocks."""
    for pipe in (program.stdin, program.stdout, program.stderr):
        if pipe is not None:
            pipe.close()
    try:
        program.wait(grace)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def exchange(argv: Sequence[str], env: Mapping[str, str], given: bytes, *, seconds: float) -> tuple[int, bytes, bytes]:
    """Give a program of hostd's own its input; return its exit status and what it has printed on both outputs. Blocks.

    Raises:
        OSError: It cannot be started.
        TimeoutError: It has not ended within *seconds*; it is killed.
    """
    with start_program(argv, env, stdin=PIPE, stdout=PIPE, stderr=PIPE) as program:
        try:
            printed, errors = program.communicate(given, seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            # One that has ended does not mind.
            program.kill()
    return program.returncode, printed, errors


@dataclass(frozen=True, slots=True)
class ProgramOutput:
    """What a program printed, and its exit status (negative: ended by that signal)."""

    status: int
    text: str


def quiet_environment() -> dict[str, str]:
    """Return the environment of a program that is no engine: where programs are, and one language whatever the user's."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}


def output_of(
    argv: Sequence[str], env: Mapping[str, str], *, seconds: float, errors_too: bool = False
) -> ProgramOutput | None:
    """Return what *argv* prints, *errors_too* with its standard error, with bad UTF-8 replaced. Blocks.

    None where it cannot be started, has not ended within *seconds*, or prints without end. Whatever it started, and that is still
    in its group, is killed in each case.
    """
    try:
        program = start_program(argv, env, stdout=PIPE, stderr=subprocess.STDOUT if errors_too else NOTHING)
    except (OSError, ValueError):
        return None
    with program:
        try:
            printed = _read(program, time.monotonic() + seconds)
        finally:
            # Before the program has been waited for, its group's number belongs to nobody else. One that has ended does not mind.
            with suppress(OSError):
                os.killpg(program.pid, signal.SIGKILL)
            status = program.wait()
    return None if printed is None else ProgramOutput(status, printed.decode("utf-8", "replace"))


def _read(program: Program, deadline: float) -> bytes | None:
    """Return all that *program* has printed once it has ended; None where that takes too long or too much room."""
    assert program.stdout is not None  # noqa: S101 - a pipe was asked for
    pieces, size, output, is_open, ended = [], 0, program.stdout.fileno(), True, False
    # Not `select`, which knows no descriptor above 1023.
    readable = select.poll()
    readable.register(output, select.POLLIN)
    while time.monotonic() < deadline and size <= LARGEST_OUTPUT:
        if is_open and readable.poll(0 if ended else _PAUSE * 1000):
            piece = os.read(output, 1 << 16)
            pieces.append(piece)
            size += len(piece)
            is_open = bool(piece)
        elif ended:
            # What it left running may hold its output open for ever.
            return b"".join(pieces)
        elif _has_ended(program):
            # It may have printed something since the last look.
            ended = True
        elif not is_open:
            time.sleep(_PAUSE)
    return None


def _has_ended(program: Program) -> bool:
    """Return whether *program* has ended; the system still knows it afterwards, where that can be had."""
    if not hasattr(os, "waitid"):
        # macOS before Python 3.13 cannot look without taking the status.
        return program.poll() is not None
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True
