"""``hostd launch``."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.cli.agents.registry import AGENTS
from tests.cli.recorded import CHATTY, EMBEDDER, SHOWN, Daemon, Ran

MODEL = "GET /hostd/v1/models/qwen3.5-9b"


@pytest.fixture(autouse=True)
def models(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon with one model for tools, and an empty PATH."""
    daemon.on("GET /hostd/v1/models", {"models": [EMBEDDER, CHATTY], "roles": []})
    daemon.on(MODEL, SHOWN)
    monkeypatch.setenv("HOSTD_URL", daemon.url)
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with every program; each prints its arguments and ends with 7."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for agent in AGENTS.values():
        (folder / agent.executable).write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\nsys.exit(7)\n")
        (folder / agent.executable).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("name", AGENTS)
def test_a_program_runs_with_its_arguments(
    process: Callable[..., subprocess.Popen[str]], installed: Path, name: str
) -> None:
    """It gets its user's own words last, and its exit code is the command's; who answers is said on stderr."""
    run = process("launch", name, "--", "-p", "two words")
    out, err = run.communicate(timeout=30)
    assert 7 == run.returncode, err
    assert out.rstrip().endswith("'-p', 'two words']")
    assert f"{AGENTS[name].title} works with qwen3.5-9b (it calls tools; 32768 tokens of context" in err


def test_a_named_model_is_taken_as_it_is_named(hostd: Callable[..., Ran], daemon: Daemon) -> None:
    """An alias or a role stays one, so that its route is used."""
    daemon.on("GET /hostd/v1/models/planner", SHOWN)
    shown = json.loads(hostd("launch", "claude", "--model", "planner", "--print", "--json").out)
    assert "planner" == shown["model"] == shown["environment"]["ANTHROPIC_MODEL"]


def test_nothing_runs_where_it_is_printed(hostd: Callable[..., Ran], daemon: Daemon) -> None:
    """The lines are a shell's; the program need not be installed."""
    ran = hostd("launch", "codex", "--print", "--", "exec", "do it")
    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith("codex -c 'model_provider=")
    assert f'base_url="{daemon.url}/v1"' in ran.out
    assert ran.out.endswith("exec 'do it'\n")


def test_files_are_printed_whole(hostd: Callable[..., Ran]) -> None:
    """The JSON for programs has them by path, and the path is an argument."""
    shown = json.loads(hostd("launch", "aider", "--print", "--json").out)
    path, text = next(each for each in shown["files"].items() if each[0].endswith(".json"))
    assert path in shown["argv"]
    assert Path(path).is_relative_to(Path.home()), "others could put another file where all may write"
    assert 32_768 == json.loads(text)["openai/qwen3.5-9b"]["max_input_tokens"]


@pytest.mark.parametrize("json_too", [(), ("--json",)])
@pytest.mark.parametrize("name", AGENTS)
def test_a_printed_key_is_masked(
    hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, name: str, json_too: tuple[str, ...]
) -> None:
    """R33: a screen may be seen by others; its variable is named."""
    monkeypatch.setenv("HOSTD_API_KEY", "secret")
    ran = hostd("launch", name, "--print", *json_too)
    assert (0, False, True) == (ran.code, "secret" in ran.out + ran.err, "***" in ran.out)
    assert any(word in ran.out for word in ("_API_KEY", "ANTHROPIC_AUTH_TOKEN", "apiKey"))
    assert "a key belongs in the place of ***" in ran.err


def test_the_known_ones_are_listed(hostd: Callable[..., Ran], installed: Path) -> None:
    """With where they are, or how they are installed; no daemon is needed."""
    (installed / "goose").unlink()
    ran = hostd("launch", "--list", "--url", "127.0.0.1:1")
    rows = {line.split()[0]: line for line in ran.out.splitlines()}
    assert ["AGENT", *AGENTS] == list(rows)
    assert str(installed / "claude") in rows["claude"]
    assert AGENTS["goose"].install in rows["goose"]
    listed = json.loads(hostd("launch", "--list", "--json").out)
    assert {"agent": "goose", "program": "goose", "path": None, "install": AGENTS["goose"].install} == listed[-1]


def test_a_program_that_is_not_installed_is_an_error(hostd: Callable[..., Ran]) -> None:
    """With the command that installs it."""
    ran = hostd("launch", "claude")
    assert (1, "") == (ran.code, ran.out)
    assert "install it with: npm install -g @anthropic-ai/claude-code\n" in ran.err


def test_without_a_daemon_nothing_runs(hostd: Callable[..., Ran], installed: Path) -> None:
    """The answer is how to start it."""
    ran = hostd("launch", "claude", "--url", "127.0.0.1:1")
    assert (3, "") == (ran.code, ran.out)
    assert "start it with: hostd serve\n" in ran.err


def test_an_unknown_model_has_its_own_exit_code(hostd: Callable[..., Ran], daemon: Daemon, installed: Path) -> None:
    """The daemon's nearest names reach the owner."""
    daemon.refuse(
        "GET /hostd/v1/models/qwen", 404, "unknown model 'qwen'; did you mean 'qwen3.5-9b'?", "model_not_found"
    )
    ran = hostd("launch", "claude", "--model", "qwen")
    assert (5, "") == (ran.code, ran.out)
    assert "did you mean 'qwen3.5-9b'?" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["cladue"], "did you mean 'claude'?"), ([], "say which agent"), (["claude", "--json"], "--print")],
    ids=["unknown agent", "no agent", "json of a run"],
)
def test_what_cannot_be_meant_is_a_usage_error(hostd: Callable[..., Ran], words: list[str], said: str) -> None:
    """It names what can be."""
    ran = hostd("launch", *words)
    assert (2, "") == (ran.code, ran.out)
    assert said in ran.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"capabilities": {"tools": False}}, "calls no tools"),
        ({"context": 8192}, "its context of 8192 tokens is small for Claude Code"),
        ({}, None),
    ],
    ids=["no tools", "small context", "neither"],
)
def test_what_may_go_wrong_is_said(
    process: Callable[..., subprocess.Popen[str]],
    daemon: Daemon,
    installed: Path,
    change: dict[str, object],
    said: str | None,
) -> None:
    """It runs all the same."""
    daemon.on(MODEL, SHOWN | change)
    run = process("launch", "claude", "--model", "qwen3.5-9b")
    _, err = run.communicate(timeout=30)
    assert 7 == run.returncode
    lines = err.splitlines()
    assert "hostd: Claude Code works with qwen3.5-9b" == lines[0]
    assert (said in lines[1]) if said else not lines[1:]
