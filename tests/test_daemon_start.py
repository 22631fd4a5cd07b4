"""The order that a child process hands to the daemon's own, each in an interpreter that the test has started."""

import subprocess
import sys

import pytest

ORDER = """
import os, sys
from types import ModuleType
from hostd.daemon_start import DaemonOrder, run_as_ordered, start
from hostd.demo import settings_file

def command():
    from hostd.config.load import load
    return start(DaemonOrder(load(settings_file()), "json", "debug", demo=True))

def serve(settings, **options):
    heavy = {"pydantic", "pydantic_core", "typer", "rich"} & {name for name, module in sys.modules.items() if module}
    from hostd.config.load import load
    print(os.getpid() == first, settings == load(settings_file()), type(settings.profiles).__name__, sorted(heavy), options)
    return 5

first = os.getpid()
sys.modules["hostd.daemon"] = door = ModuleType("hostd.daemon")
door.run = serve
sys.exit(run_as_ordered(command))
"""


def ran(script: str) -> tuple[int, str]:
    """Return the exit code of *script* and what it prints."""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return process.returncode, process.stdout + process.stderr


def test_the_daemon_gets_the_order_and_none_of_what_made_it() -> None:
    """It runs in the first process, with the settings as they were read, and what read them is in the other."""
    code, said = ran(ORDER)
    assert 5 == code
    assert said.split(maxsplit=3)[:3] == ["True", "True", "mappingproxy"]
    assert "[] {'log_format': 'json', 'log_level': 'debug', 'demo': True, 'machine': None}" in said


@pytest.mark.parametrize(("command", "code"), [("lambda: 2", 2), ("lambda: os.kill(os.getpid(), 9)", 247)])
def test_without_an_order_the_commands_end_is_the_end(command: str, code: int) -> None:
    """A mistaken option, or a child that was killed: no daemon is run, and the shell is told."""
    script = f"import os, sys; from hostd.daemon_start import run_as_ordered; sys.exit(run_as_ordered({command}))"
    assert (code, "") == ran(script)


def test_a_mistake_of_the_command_is_not_lost() -> None:
    """Its traceback is printed, as it would be without a child."""
    code, said = ran(
        "from hostd.daemon_start import run_as_ordered; import sys; sys.exit(run_as_ordered(lambda: 1 // 0))"
    )
    assert 1 == code
    assert "ZeroDivisionError" in said
