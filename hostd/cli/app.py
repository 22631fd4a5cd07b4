"""Puts the verbs together, and turns every failure into a sentence and an exit code."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import typer

from hostd import __version__
from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.cli.verbs import config
from hostd.cli.verbs.chat import chat
from hostd.cli.verbs.init import init
from hostd.cli.verbs.inventory import inventory
from hostd.cli.verbs.load import load
from hostd.cli.verbs.logs import logs
from hostd.cli.verbs.ls import ls
from hostd.cli.verbs.plan import plan
from hostd.cli.verbs.ps import ps
from hostd.cli.verbs.pull import pull
from hostd.cli.verbs.serve import serve
from hostd.cli.verbs.show import show
from hostd.cli.verbs.simulate import simulate
from hostd.cli.verbs.unload import unload
from hostd.cli.verbs.version import version
from hostd.cli.verbs.why import why
from hostd.domain.errors import ConfigError, HostdError, RequestError

app = typer.Typer(
    help="One local address in front of every model that this machine serves.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (serve, init, inventory, plan, ps, ls, show, load, unload, pull, chat, why, logs, simulate):
    app.command()(verb)
app.add_typer(config.app, name="config")
app.command()(version)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hostd {__version__}")
        raise typer.Exit


@app.callback()
def _hostd(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def run(argv: Sequence[str]) -> int:
    """Run one command line, without the program's name; return its exit code."""
    try:
        app(argv, prog_name="hostd")
    except VerbError as failure:
        say(failure.message)
        return failure.code
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        return Code.BAD_CONFIG
    except RequestError as error:
        say(error.message)
        return Code.UNKNOWN_MODEL if error.status == HTTPStatus.NOT_FOUND else Code.USAGE
    except HostdError as error:
        say(error.message)
        return Code.FAILURE
    except OSError as error:
        say(f"this could not be written or read: {error}")
        return Code.FAILURE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Code.OK
    return Code.OK
