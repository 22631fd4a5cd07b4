"""Runs an agent's program in the terminal that it was asked for in."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hostd.cli.agents.agent_program import AgentProgram, ModelAddress
from hostd.cli.exits import VerbError
from hostd.private_files import write_private
from hostd.programs import become_program, find_program, run_in_foreground


def find_executable(agent: AgentProgram) -> str:
    """Return the path of *agent*'s program.

    Raises:
        VerbError: It is not on PATH.
    """
    path = find_program(agent.executable)
    if path is None:
        raise VerbError(f"{agent.title} ('{agent.executable}') is not on PATH; install it with: {agent.install}")
    return path


def run_agent(agent: AgentProgram, model: ModelAddress, arguments: Sequence[str], inherited: Mapping[str, str]) -> int:
    """Run *agent* on *model* with *arguments* in the environment *inherited*; return its exit code.

    Without files of its own it takes this process's place, and nothing is returned.

    Raises:
        VerbError: It is not on PATH, or cannot be started.
    """
    path = find_executable(agent)
    if not agent.command(model, "").files:
        command = agent.command(model, "")
        try:
            become_program([path, *command.arguments, *arguments], command.environment_from(inherited))
        except OSError as error:
            raise _not_started(path, error) from error
    # Of mode 0700, and the files 0600: what is written there, keys included, is the user's alone.
    with TemporaryDirectory(prefix="hostd-launch-") as folder:
        command = agent.command(model, folder)
        for name, text in command.files.items():
            write_private(Path(name), text)
        try:
            return run_in_foreground([path, *command.arguments, *arguments], command.environment_from(inherited))
        except OSError as error:
            raise _not_started(path, error) from error


def reachable_past_proxies(environment: Mapping[str, str], host: str) -> dict[str, str]:
    """Return *environment*, in which requests to *host* go past a proxy where there is one: it would ask its own machine."""
    proxied = any(name.lower() in {"http_proxy", "https_proxy", "all_proxy"} for name in environment)
    if not proxied:
        return dict(environment)
    spared = ",".join(filter(None, (environment.get("no_proxy") or environment.get("NO_PROXY"), host)))
    return {**environment, "no_proxy": spared, "NO_PROXY": spared}


def _not_started(path: str, error: OSError) -> VerbError:
    return VerbError(f"{path} cannot be started: {os.strerror(error.errno or 0)}")
