"""Agents' programs run in the terminal of their user."""

import json
import os
import signal
import stat
import sys
import tempfile
from pathlib import Path
from subprocess import Popen

import pytest

from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress
from hostd.cli.agents.program_run import find_executable, reachable_past_proxies, run_agent
from hostd.cli.exits import Code, VerbError

MODEL = ModelAddress("http://127.0.0.1:1", "coder", 8192)


def with_file(_model: ModelAddress, folder: str) -> AgentCommand:
    """A command with one file."""
    return AgentCommand({"FILE": f"{folder}/x"}, arguments=("first",), files={f"{folder}/x": "said"})


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AgentProgram:
    """A program on PATH that writes down what it got, and ends with 7."""
    program = tmp_path / "bin/agent"
    program.parent.mkdir()
    seen = tmp_path / "seen"
    code = (
        "import json, os, sys; folder = os.path.dirname(os.environ['FILE'])\n"
        f"open({str(seen)!r}, 'w').write(json.dumps([sys.argv[1:], open(os.environ['FILE']).read(), folder,"
        " os.stat(folder).st_mode, os.stat(os.environ['FILE']).st_mode, os.getcwd()]))\n"
        "sys.exit(7)\n"
    )
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return AgentProgram("agent", "The agent", "agent", "get agent", with_file)


def test_files_are_there_while_it_runs(agent: AgentProgram, tmp_path: Path) -> None:
    """In a folder for its user alone, which is gone afterwards; the exit code and the working folder are the program's."""
    assert 7 == run_agent(agent, MODEL, ["second"], os.environ)
    arguments, said, folder, mode, of_file, place = json.loads((tmp_path / "seen").read_text())
    assert (["first", "second"], "said") == (arguments, said)
    assert (0o700, 0o600, str(Path.cwd())) == (stat.S_IMODE(mode), stat.S_IMODE(of_file), place)
    assert not Path(folder).exists()


def test_a_missing_program_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner is told what to type."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VerbError, match=r"not on PATH; install it with: get agent") as raised:
        find_executable(AgentProgram("agent", "The agent", "agent", "get agent", with_file))
    assert Code.FAILURE == raised.value.code


def test_a_program_that_is_none_is_said_to_be(agent: AgentProgram, tmp_path: Path) -> None:
    """The system's reason is passed on, and nothing is left behind."""
    (tmp_path / "bin/agent").write_bytes(b"\0no program")
    before = set(Path(tempfile.gettempdir()).glob("hostd-launch-*"))
    with pytest.raises(VerbError, match="cannot be started"):
        run_agent(agent, MODEL, [], os.environ)
    assert before == set(Path(tempfile.gettempdir()).glob("hostd-launch-*"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"NO_PROXY": "a"}, {"NO_PROXY": "a"}),
        ({"HTTPS_PROXY": "p"}, {"HTTPS_PROXY": "p", "no_proxy": "box", "NO_PROXY": "box"}),
        ({"http_proxy": "p", "no_proxy": "a"}, {"http_proxy": "p", "no_proxy": "a,box", "NO_PROXY": "a,box"}),
    ],
    ids=["no proxy", "exceptions alone", "a proxy", "a proxy with exceptions"],
)
def test_requests_to_the_daemon_go_past_a_proxy(before: dict[str, str], after: dict[str, str]) -> None:
    """It would look for this machine's daemon on its own machine."""
    assert after == reachable_past_proxies(before, "box")


_WAITING = """
import os, sys
from hostd.cli.agents import program_run
from hostd.cli.agents.agent_program import AgentCommand, AgentProgram, ModelAddress
def command(model, folder):
    return AgentCommand(files={folder + "/x": ""} if sys.argv[2] == "file" else {})
agent = AgentProgram("agent", "The agent", sys.argv[1], "get agent", command)
sys.exit(program_run.run_agent(agent, ModelAddress("", ""), [], os.environ))
"""


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A program that says its pid, waits for SIGTERM, and ends with 9."""
    program = tmp_path / "waiting"
    code = (
        "import os, signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(9))\n"
        "print(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("kind", ["file", "none"])
def test_signals_reach_it(waiting: Path, tmp_path: Path, kind: str) -> None:
    """Whether it is a child, or has taken hostd's place because nothing has to be cleared away."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with Popen([sys.executable, "-c", _WAITING, str(waiting), kind], env=environment, stdout=-1, stdin=-3) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert (kind == "none") == (pid == run.pid)
        run.send_signal(signal.SIGTERM)
        assert 9 == run.wait(20)
    assert not list(tmp_path.glob("hostd-launch-*"))


def test_a_program_that_a_signal_ends_has_its_exit_code(waiting: Path, tmp_path: Path) -> None:
    """128 and the signal's number, as a shell says it."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with Popen([sys.executable, "-c", _WAITING, str(waiting), "file"], env=environment, stdout=-1, stdin=-3) as run:
        assert run.stdout is not None
        os.kill(int(run.stdout.readline()), signal.SIGKILL)
        assert 128 + signal.SIGKILL == run.wait(20)
