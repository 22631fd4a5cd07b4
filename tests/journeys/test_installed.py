"""hostd as a stranger installs it: from the wheel alone, into an environment and a home with nothing in them."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.journeys.host import MODELS, environment_for, run, started, until
from tests.packages import ROOT, build_wheel

PATIENCE = 600
"""Seconds for an installation; packages may have to come over a network."""
BARE = {"PATH": "/usr/bin:/bin"}


def command(*words: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program with this user's own settings of package indices, and *variables*."""
    env = os.environ | {name: str(value) for name, value in variables.items()}
    argv = [str(word) for word in words]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


def installed(*words: str | Path, **variables: str | Path) -> None:
    """Run an installer, which succeeds."""
    done = command(*words, **variables)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, where what it needs can be had from an index."""
    folder = tmp_path_factory.mktemp("wheel")
    asked = command(
        sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-cache-dir", "--retries=0", "--timeout=10",
        "--dest", folder / "index", "iniconfig",
    )  # fmt: skip
    if asked.returncode:
        pytest.skip("no package index can be reached")
    return build_wheel(folder)


@pytest.fixture(scope="module")
def versions(wheel: Path) -> Path:
    """Return a file with the versions of the lock, as bounds for what the wheel itself asks for."""
    locked = command(sys.executable, ROOT / "scripts" / "requirements", "--locked").stdout.splitlines()
    file = wheel.with_name("versions.txt")
    file.write_text("\n".join(line.partition(" --hash=")[0] for line in locked), "utf-8")
    return file


def by_pip(wheel: Path, versions: Path, folder: Path) -> Path:
    """Install with pip into an environment of its own."""
    venv.create(folder / "env", with_pip=True)
    pip = (folder / "env/bin/python", "-m", "pip", "--disable-pip-version-check")
    installed(*pip, "install", "-q", "-c", versions, f"{wheel}[llamacpp]")
    installed(*pip, "check")
    return folder / "env/bin/hostd"


def by_pipx(wheel: Path, versions: Path, folder: Path) -> Path:
    """Install with pipx."""
    homes = {"PIPX_HOME": folder / "pipx", "PIPX_BIN_DIR": folder / "bin", "PIPX_MAN_DIR": folder / "man"}
    python = ("--python", sys.executable)
    installed("pipx", "install", "-q", *python, "--pip-args", f"-c {versions}", f"{wheel}[llamacpp]", **homes)
    return folder / "bin/hostd"


def by_uv(wheel: Path, versions: Path, folder: Path) -> Path:
    """Install with uv."""
    homes = {"UV_TOOL_DIR": folder / "tools", "UV_TOOL_BIN_DIR": folder / "bin"}
    python = ("--python", sys.executable)
    installed("uv", "tool", "install", "-q", *python, "--constraints", versions, f"{wheel}[llamacpp]", **homes)
    return folder / "bin/hostd"


@pytest.fixture(scope="module", params=[by_pip, by_pipx, by_uv], ids=["pip", "pipx", "uv"])
def hostd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the wheel by one installer after the other, and return the program."""
    install: Callable[[Path, Path, Path], Path] = request.param
    name = install.__name__.removeprefix("by_")
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    folder = tmp_path_factory.mktemp(name)
    yield install(request.getfixturevalue("wheel"), request.getfixturevalue("versions"), folder)
    # An environment with an engine takes half a gigabyte.
    shutil.rmtree(folder, ignore_errors=True)


def test_the_demonstration_answers(hostd: Path, tmp_path: Path) -> None:
    """The daemon serves its demonstration model with the engine of the extra, and leaves nothing behind."""
    with started(tmp_path, "--demo", program=[str(hostd)], environment=BARE) as host:
        until(lambda: host.get("/readyz").status == 200)
        answer = host.chat("tiny-chat")
        assert (200, "llamacpp") == (answer.status, answer.headers["x-hostd-backend"])
        assert answer.json["choices"][0]["message"]["content"]
        engines = host.engines()
        assert "tiny-chat" in host.cli("ps").stdout
        assert "base_url" in host.cli("show", "tiny-chat", "--snippet", "langchain").stdout
        assert 200 == host.get("/").status
        host.process.terminate()
        assert 0 == host.process.wait(60)
    assert not any(engine.is_running() for engine in engines)
    assert "Traceback" not in host.output.read_text("utf-8")


def test_verbs_find_what_ships_with_them(hostd: Path, tmp_path: Path) -> None:
    """A configuration is written, checked, planned and shown, and a service would be installed that starts this very program."""
    env, program = environment_for(tmp_path) | BARE, [str(hostd)]

    def said(*words: str, status: int = 0) -> str:
        done = run(env, *words, program=program)
        assert status == done.returncode, done.stdout + done.stderr
        return done.stdout

    # Without models of one's own, those that ship with hostd are simulated.
    assert "hostd" in said("simulate", "azure-2023", "--policy", "hostd", "--host", "m2max-64g")
    written = tmp_path / ".config/hostd/hostd.yaml"
    said("init", "--from", str(MODELS))
    assert yaml.safe_load(written.read_text("utf-8"))
    assert str(written) in said("config", "path")
    said("config", "check")
    assert "BackendsSection" in json.loads(said("config", "schema"))["$defs"]
    assert {"fits"} == {model["verdict"] for model in json.loads(said("plan", "--json"))["models"]}
    assert "cuda:0" in said("plan", "qwen3.5-9b", "--ctx", "8192", "--host", "rtx4090")
    assert {"pools", "host"} <= json.loads(said("inventory", "--host", "rtx4090", "--json")).keys()
    checks = {each["check"] for each in json.loads(run(env, "doctor", "--json", program=program).stdout)["findings"]}
    assert {"configuration", "engines"} & checks
    assert "codex" in said("launch", "--list")
    assert str(hostd) in said("service", "install", "--user", "--print")
    assert "0.1.0" in said("version")
