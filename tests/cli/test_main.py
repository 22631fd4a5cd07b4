"""The way in, as a real process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from hostd import __version__
from hostd.models.open import shipped_profiles


def test_the_version_comes_at_once(process: Callable[..., subprocess.Popen[str]]) -> None:
    """``--version`` is answered in well under 0.2 s; the best of five runs counts, since the machine may be busy."""
    seconds = []
    for _ in range(5):
        begun = perf_counter()
        assert (f"hostd {__version__}\n", "") == process("--version").communicate(timeout=10)
        seconds.append(perf_counter() - begun)
    assert min(seconds) < 0.2


def test_the_version_imports_nothing_heavy() -> None:
    """Neither typer nor rich nor pydantic is loaded to say a version."""
    command = "import sys; sys.argv[1:] = ['--version']; from hostd.__main__ import main; main(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    assert not {"typer", "rich", "pydantic", "yaml", "http.client"} & set(modules)


def test_a_verb_that_fails_imports_no_more_than_it_needs(process: Callable[..., subprocess.Popen[str]]) -> None:
    """Asking a dead port loads neither rich, nor the configuration's machinery, nor anything of the daemon."""
    command = (
        "import sys; sys.argv[1:] = ['ps', '--url', '127.0.0.1:1']; from hostd.__main__ import main; "
        "code = main(); print(code, *sys.modules)"
    )
    code, *modules = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "3" == code
    assert not {"rich.console", "yaml", "aiohttp", "structlog", "asyncio"} & set(modules)


def test_a_plan_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    """A plan from the shipped numbers loads no client of a hub, no server, no drawing, and no engine's or driver's library."""
    command = (
        "import sys; sys.argv[1:] = ['plan', 'qwen3.5-9b', 'gemma4-26b', '--host', 'm2max-64g', '--json']; "
        "from hostd.__main__ import main; code = main(); print(code, *sys.modules)"
    )
    owner = tmp_path / "hostd.yaml"
    owner.write_text(f"profiles: {shipped_profiles()}\n")
    environment = os.environ | {"HOSTD_CONFIG": str(owner), "HOSTD_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, env=environment)
    code, *modules = done.stdout.splitlines()[-1].split()
    heavy = {"rich", "aiohttp", "asyncio", "structlog", "huggingface_hub", "httpx", "ollama", "psutil", "pynvml"}
    heavy |= {"http.client", "ssl", "concurrent.futures", "logging", "apscheduler", "prometheus_client", "sqlite3"}
    assert ("0", set()) == (code, heavy & set(modules))
    ours = [name for name in modules if name.startswith("hostd.")]
    # Each costs about a millisecond.
    assert len(ours) < 160
    rooms = {name.split(".")[1] for name in ours}
    assert (
        not {"gateway", "scheduling", "runtime", "supervisor", "telemetry", "dialects", "routing", "simulation"} & rooms
    )


def test_a_process_exits_with_the_verbs_code(process: Callable[..., subprocess.Popen[str]]) -> None:
    """The exit code reaches the shell, and no traceback comes with it."""
    child = process("ps", "--url", "127.0.0.1:1")
    out, err = child.communicate(timeout=10)
    assert (3, "") == (child.returncode, out)
    assert 1 == len(err.splitlines())
