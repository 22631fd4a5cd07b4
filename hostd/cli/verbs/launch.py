"""``hostd launch``: run an agent on a model of this host."""

import os
from typing import Annotated

import typer

from hostd.cli.agents import program_run, shell_script
from hostd.cli.agents.agent_program import AgentProgram, ModelAddress
from hostd.cli.agents.model_lookup import FoundModel, find_model
from hostd.cli.agents.registry import AGENTS
from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, say, show_table, write_line
from hostd.config.validators import hint
from hostd.paths import launch_folder
from hostd.programs import find_program

_COLUMNS = (Column("AGENT"), Column("PROGRAM"), Column("INSTALLED", flexible=True), Column("TO INSTALL", extra=True))


def launch(  # noqa: PLR0913 - one for each option
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help=f"Which program: {', '.join(AGENTS)}.", show_default=False)
    ] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- ARGUMENTS]", help="What the program itself is to be told.", show_default=False),
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A model, alias or role; the best for tools when left out."),
    ] = None,
    known: Annotated[bool, typer.Option("--list", help="List the programs, and which are installed.")] = False,
    shown: Annotated[bool, typer.Option("--print", help="Print what would be set and run; run nothing.")] = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Run an agent's program, such as Claude Code, on a model."""
    if known:
        _list(as_json=json)
        return
    if agent is None:
        raise VerbError(f"say which agent: {', '.join(AGENTS)}", Code.USAGE)
    if agent not in AGENTS:
        raise VerbError(f"there is no agent {agent!r} here; {hint(agent, AGENTS)}", Code.USAGE)
    if json and not shown:
        raise VerbError("--json goes with --list or --print; an agent prints what it likes", Code.USAGE)
    program, found = AGENTS[agent], find_model(url, model)
    if shown:
        _print(program, found.address.masked(), arguments or [], as_json=json)
        return
    _tell(program, found)
    inherited = program_run.reachable_past_proxies(os.environ, found.host)
    raise typer.Exit(program_run.run_agent(program, found.address, arguments or [], inherited))


def _list(*, as_json: bool) -> None:
    rows = [(each.name, each.title, find_program(each.executable), each.install) for each in AGENTS.values()]
    if as_json:
        emit([dict(zip(("agent", "program", "path", "install"), row, strict=True)) for row in rows])
    else:
        show_table(_COLUMNS, [(name, title, path or NOTHING, install) for name, title, path, install in rows])


def _print(program: AgentProgram, model: ModelAddress, arguments: list[str], *, as_json: bool) -> None:
    folder = str(launch_folder(program.name))
    command = program.command(model, folder)
    if as_json:
        argv = [program.executable, *command.arguments, *arguments]
        made = {"environment": dict(command.environment), "unset": list(command.unset), "files": dict(command.files)}
        emit({"agent": program.name, "model": model.model, "argv": argv, **made})
    else:
        write_line(shell_script.script(command, program.executable, arguments, folder))
    if model.key is not None:
        say(f"a key belongs in the place of {model.key}; hostd launch without --print gives one by itself")


def _tell(program: AgentProgram, found: FoundModel) -> None:
    """Say what the agent gets, and what may go wrong with it."""
    model = found.address
    program_run.find_executable(program)
    reason = f" ({found.why}; another with --model)" if found.why else ""
    say(f"{program.title} works with {model.model}{reason}")
    if found.tools is False:
        say(
            f"{model.model} calls no tools as far as is known, and {program.title} needs them; see: hostd show {model.model}"
        )
    if model.context and program.opening_tokens and model.context < 2 * program.opening_tokens:
        say(
            f"its context of {model.context} tokens is small for {program.title}, whose own instructions take about "
            f"{program.opening_tokens}; raise 'context' in its profile"
        )
