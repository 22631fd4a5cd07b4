"""Puts the verbs together, and turns every failure into a sentence and an exit code."""

import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import typer

from hostd import __version__
from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say, write_line
from hostd.domain.errors import ConfigError, HostdError, RequestError

_NOT_FOUND = 404  # http.HTTPStatus, whose import takes as long as half of this module's
_VERBS = (
    *(
        "serve",
        "init",
        "inventory",
        "plan",
        "ps",
        "ls",
        "show",
        "load",
        "unload",
        "pull",
        "probe",
        "chat",
        "launch",
        "queue",
        "requests",
        "cost",
        "report",
        "why",
        "events",
        "top",
        "logs",
        "reload",
    ),
    *("simulate", "doctor", "keys", "config", "service", "version"),
)
"""Each has a module of its name; the order is that of the help."""


def _print_version(wanted: bool) -> None:
    if wanted:
        write_line(f"hostd {__version__}")
        raise typer.Exit


def _hostd(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def app_for(argv: Sequence[str]) -> typer.Typer:
    """Return the program as far as *argv* needs it: with the one verb that it begins with, else with all of them."""
    app = typer.Typer(
        help="One local address in front of every model that this machine serves.",
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_hostd)
    # The other verbs' imports would take as long as most verbs take to run.
    for name in argv[:1] if argv[:1] and argv[0] in _VERBS else _VERBS:
        module = import_module(f"hostd.cli.verbs.{name}")
        if name in ("report", "keys", "config", "service"):
            app.add_typer(module.app, name=name)
        else:
            app.command()(getattr(module, name))
    return app


def run(argv: Sequence[str]) -> int:
    """Run one command line, without the program's name; return its exit code."""
    # A name of a file may hold what a terminal's encoding does not.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app_for(argv)(argv, prog_name="hostd")
    except VerbError as failure:
        say(failure.message)
        return failure.code
    except ConfigError as error:
        for problem in error.problems:
            write_line(str(problem), err=True)
        return Code.BAD_CONFIG
    except RequestError as error:
        say(error.message)
        return Code.UNKNOWN_MODEL if error.status == _NOT_FOUND else Code.USAGE
    except HostdError as error:
        say(error.message)
        return Code.FAILURE
    except OSError as error:
        say(f"this could not be written or read: {error}")
        return Code.FAILURE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Code.OK
    return Code.OK
