"""What `hostd show --snippet` prints runs as it is printed, with the frameworks' releases that it names."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.cli.snippets.registry import SNIPPETS
from hostd.cli.snippets.snippet import Language
from tests.journeys.agents.scripted_host import scripted_host
from tests.journeys.host import Host, run

ROOT = Path(__file__).parents[2]
_SHARED = {"langgraph": "langchain"}
"""Frameworks that are installed in another's environment."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon whose model calls the tool that it is offered, under a name with a slash."""
    with scripted_host(tmp_path_factory.mktemp("snippets"), {}, name="org/agent") as running:
        yield running


@pytest.mark.parametrize("name", [name for name, each in SNIPPETS.items() if each.language is Language.PYTHON])
def test_a_framework_uses_its_tool(host: Host, tmp_path: Path, name: str) -> None:
    """The tool's words are in the answer that it prints."""
    python = ROOT / ".frameworks" / _SHARED.get(name, name) / "bin/python"
    if not python.exists():
        pytest.skip(f"{name} is not installed in .frameworks")
    printed = run(host.environment, "show", "--snippet", name, "--json")
    assert 0 == printed.returncode, printed.stderr
    file = tmp_path / "pasted.py"
    file.write_text(json.loads(printed.stdout)["text"], "utf-8")
    quiet = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CREWAI_DISABLE_TELEMETRY": "1",
        "OTEL_SDK_DISABLED": "true",
    }
    ran = subprocess.run([python, file], env=quiet, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == ran.returncode, ran.stderr
    assert "It rains in Rome." in ran.stdout.splitlines()[-1]
