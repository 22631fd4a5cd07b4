"""How long a command of the command line takes, whole: from its start until the process has ended."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gateways import ROOT
from bench.processes import BenchError


@dataclass(frozen=True)
class Startup:
    """Seconds of one run of `hostd --version`, its user and system time among them, and of an empty Python program."""

    seconds: float
    cpu_seconds: float
    python_seconds: float


def version_command() -> list[str]:
    """Return `hostd --version` as a person runs it: the program that installation made, where there is one."""
    program = Path(sys.executable).with_name("hostd")
    return [str(program), "--version"] if program.exists() else [sys.executable, "-m", "hostd", "--version"]


def startup() -> Startup:
    """Run `hostd --version` once, and an empty program beside it.

    Raises:
        BenchError: hostd ended with an error.
    """
    seconds, cpu = _timed(version_command())
    return Startup(seconds, cpu, _timed([sys.executable, "-c", ""])[0])


def _timed(argv: Sequence[str]) -> tuple[float, float]:
    began = time.perf_counter()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise BenchError(f"{' '.join(argv)} ended with {child.returncode}")
    return took, usage.ru_utime + usage.ru_stime
