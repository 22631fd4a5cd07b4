"""The benchmark as a user runs it, briefly, on a machine that has neither wrk nor nginx nor LiteLLM."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench-gateway"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with this Python, without wrk, nginx and LiteLLM."""
    argv = [sys.executable, str(SCRIPT), *arguments]
    env = {**os.environ, "PATH": str(folder), "TMPDIR": str(folder)}
    return subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False, env=env)


@pytest.mark.slow
def test_everything_is_measured(tmp_path: Path) -> None:
    """Every figure and every target has a value; nothing that was started or written is left."""
    done = run(
        tmp_path, "--seconds", "0.1", "--rounds", "1", "--targets", "direct,bare,hostd,watched,llamacpp", "--json"
    )
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert ["direct", "bare", "hostd", "watched", "llamacpp"] == list(found["figures"])
    assert [] == [name for name, figure in found["figures"]["hostd"].items() if figure is None]
    assert [] == [target for target in found["targets"] if target["met"] is None]
    assert found["machine"]["loops"]["bare"] == found["machine"]["loops"]["hostd"]
    # its connections are kept; to open one for each request would make a thousand of them
    assert found["figures"]["bare"]["agent_stream_1_upstream_connections"] < 500
    # Where sockets go if all better folders have too long paths; the next daemon finds it again.
    sockets = tmp_path / f"hostd-{os.geteuid()}"
    assert [] == [path for path in tmp_path.rglob("*") if path != sockets]


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "unit"), [("stream_1", "request"), ("paced", "chunk")])
def test_profile_tells_what_is_spent(tmp_path: Path, scenario: str, unit: str) -> None:
    """The stacks are in the file, start-up is no part of them, and what sampling costs is said."""
    file = tmp_path / "hostd.stacks"
    done = run(tmp_path, "--seconds", "0.2", "--profile", str(file), "--scenario", scenario)
    assert 0 == done.returncode, done.stderr
    assert re.search(rf"a {unit} costs \d+ us of CPU, and \d+ us while the stack is sampled", done.stdout)
    stacks = [line.rpartition(" ") for line in file.read_text().splitlines()]
    assert sum(int(count) for _, _, count in stacks) > 4
    assert all("asyncio/runners.py" in stack for stack, _, _ in stacks)
    assert "/hostd/gateway/" in file.read_text()


def test_unknown_target_is_refused(tmp_path: Path) -> None:
    """One sentence says what there is."""
    done = run(tmp_path, "--targets", "direct,apache")
    assert 2 == done.returncode
    assert "unknown target 'apache'" in done.stderr


def test_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A LiteLLM that was named is not silently left out."""
    done = run(tmp_path, "--litellm", str(tmp_path / "litellm"))
    assert 2 == done.returncode
    assert f"there is no program {tmp_path / 'litellm'}" in done.stderr
