"""No program of the same user reads what the daemon holds."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.host import OURS, Host, profile, started, until, write_files

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("setpriv") is None, reason="takes Linux, and setpriv"
)
ORDINARY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
"""Root without any capability is a user like any other."""
SECRET = "sk-owner-0123456789"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a key of a provider in its environment, and a model that is loaded."""
    folder = tmp_path_factory.mktemp("closed")
    config = str(write_files(folder, profile("chat")))
    keys = {"ANTHROPIC_API_KEY": SECRET}
    with started(folder, "--config", config, environment=keys, program=(*ORDINARY, *OURS)) as host:
        until(lambda: host.get("/readyz").status == 200)
        yield host


def reads(pid: int, name: str) -> subprocess.CompletedProcess[bytes]:
    """Read a file of the process *pid* as another program of the same user does."""
    words = (*ORDINARY, "head", "-c", "65536", f"/proc/{pid}/{name}")
    return subprocess.run(words, capture_output=True, timeout=30, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["environ", "maps", "mem"])
def test_another_program_of_the_same_user_is_kept_out(host: Host, name: str) -> None:
    """R6, R18, CVE-2026-7482 ("Bleeding Llama", Ollama): engines run as the daemon's user, and read models that may be harmful."""
    refused = reads(host.process.pid, name)
    assert refused.returncode
    assert b"Permission denied" in refused.stderr
    assert SECRET.encode() not in refused.stdout


@pytest.mark.slow
def test_engines_are_programs_like_any_other(host: Host) -> None:
    """They are told apart by their environment, and measured; nothing of the owner's is in it."""
    engine = reads(host.row("chat")["pid"], "environ")
    assert 0 == engine.returncode
    assert b"PATH=" in engine.stdout
    assert SECRET.encode() not in engine.stdout
    assert host.row("chat")["pool_bytes"]["ram"] > 1 << 20
    assert Path(f"/proc/{host.process.pid}/cmdline").read_bytes()


@pytest.mark.slow
def test_a_second_daemon_is_told_of_the_first(host: Host) -> None:
    """It cannot see who has the port, and finds the pid by the lock on their state folder."""
    address = host.url.removeprefix("http://")
    words = (*ORDINARY, *OURS, "serve", "--listen", address)
    second = subprocess.run(words, env=host.environment, capture_output=True, text=True, timeout=60, check=False)
    assert 1 == second.returncode
    assert f"it is in use by hostd (pid {host.process.pid}), as it seems; stop that program" in second.stderr
