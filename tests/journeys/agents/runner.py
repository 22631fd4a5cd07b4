"""Runs one agent's program by `hostd launch` against a daemon, and says what came of it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hostd.cli.agents.registry import AGENTS
from tests.journeys.agents.programs import CONTENT, FILE, INSTALLED, PROGRAMS
from tests.journeys.agents.route_recorder import recording

PATIENCE = 180
"""Seconds for a task; a program that starts takes three to twenty."""
_LAST_WORDS = 600  # characters


@dataclass(frozen=True)
class AgentRun:
    """How an agent's task went: *why* is empty where it *passed*; *routes* counts what it asked hostd for."""

    name: str
    version: str
    passed: bool
    why: str
    seconds: float
    routes: dict[str, int] = field(default_factory=dict)


def search_path() -> str:
    """Return PATH with the folders that scripts/agents installs into before the others."""
    folders = [INSTALLED / "npm/node_modules/.bin", *sorted(INSTALLED.glob("*/bin"))]
    return os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])


def is_installed(name: str) -> bool:
    """Return whether the program of agent *name* can be run."""
    return shutil.which(AGENTS[name].executable, path=search_path()) is not None


def run_agent(name: str, base_url: str, workdir: Path, *, own_settings: bool = False, key: str = "") -> AgentRun:
    """Give agent *name* the task in *workdir*, on the model that `hostd launch` chooses of the daemon at *base_url*.

    With *own_settings* its user has settings, which name another server; they have to be there afterwards. *key* opens
    the daemon where it asks for one.
    """
    home, project = workdir / "home", workdir / "project"
    home.mkdir(parents=True)
    project.mkdir()
    program = PROGRAMS[name]
    before = program.own_settings if own_settings else {}
    for path, text in before.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text, "utf-8")
    environment = {"PATH": search_path(), "HOME": str(home), "TMPDIR": str(workdir), "TERM": "dumb", "NO_COLOR": "1"}
    environment |= program.environment
    if key:
        environment["HOSTD_API_KEY"] = key
    version = _version(name, environment)
    began = time.monotonic()
    with recording(base_url) as recorder:
        argv = [sys.executable, "-m", "hostd", "launch", name, "--url", recorder.url, "--", *program.arguments]
        with (workdir / "output").open("wb") as output:
            try:
                ended = subprocess.run(
                    argv,
                    cwd=project,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=PATIENCE,
                    check=False,
                )
                status = f"exit code {ended.returncode}" if ended.returncode else ""
            except subprocess.TimeoutExpired:
                status = f"not done after {PATIENCE} s"
    why = status or _missing(project) or _left_over(workdir) or _changed(home, before)
    if why:
        said = (workdir / "output").read_text("utf-8", "replace").strip()
        why = f"{why}; it said: {said[-_LAST_WORDS:]}"
    return AgentRun(name, version, not why, why, round(time.monotonic() - began, 1), recorder.counted())


def _missing(project: Path) -> str:
    file = project / FILE
    if not file.exists():
        return f"{FILE} was not written"
    return "" if file.read_text("utf-8").strip() == CONTENT else f"{FILE} holds {file.read_text('utf-8')[:99]!r}"


def _left_over(workdir: Path) -> str:
    left = [path.name for path in workdir.glob("hostd-launch-*")]
    return f"{left[0]} was left behind" if left else ""


def _changed(home: Path, before: Mapping[str, str]) -> str:
    """Say which settings are not there any more; programs add lines of their own, and set them in."""
    for path, text in before.items():
        now = {line.strip().rstrip(",") for line in (home / path).read_text("utf-8").splitlines()}
        if lost := {line.strip().rstrip(",") for line in text.splitlines()} - now:
            return f"{path} has lost {sorted(lost)}"
    return ""


def _version(name: str, environment: dict[str, str]) -> str:
    path = shutil.which(AGENTS[name].executable, path=environment["PATH"])
    if path is None:
        return "not installed"
    ran = subprocess.run([path, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    words = [word for word in (ran.stdout + ran.stderr).split() if word[:1].isdigit()]
    return words[0] if words else "?"
