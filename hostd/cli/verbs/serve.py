"""``hostd serve``: run the daemon."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.options import find_machine
from hostd.cli.output import say
from hostd.daemon_start import DaemonOrder, start


class LogFormat(StrEnum):
    """How the daemon writes its log; ``auto`` is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """The least important messages that the daemon still writes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Machine = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="PRESET|FILE",
        help="Count with another machine's memory than this one's: its pools, as inventory --json prints them.",
    ),
]


def serve(  # noqa: PLR0913 - a verb has as many options as it has
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Use this hostd.yaml instead of the one found.")
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option("--listen", metavar="ADDR", help="Listen on HOST:PORT or unix:/PATH instead; may be repeated."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Serve the small models that come with hostd.")] = False,
    host: Machine = None,
    keep_engines: Annotated[
        bool,
        typer.Option(
            "--keep-engines", help="Leave engines running when the daemon ends, and adopt those that run already."
        ),
    ] = False,
    log_format: Annotated[LogFormat, typer.Option(help="How to write the log (stderr).")] = LogFormat.AUTO,
    log_level: Annotated[LogLevel, typer.Option(help="What to leave out of the log.")] = LogLevel.INFO,
) -> None:
    """Run the daemon in the foreground until Ctrl-C."""
    if demo and config:
        raise VerbError("--demo brings its own configuration, so --config cannot go with it; leave one out", Code.USAGE)
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without
    from hostd.demo import settings_file  # only --demo needs it

    settings = load(settings_file() if demo else config)
    for note in settings.notes:
        say(note)
    if settings.keys.file is not None:
        _check_keys(settings.keys.file)
    if listen:
        addresses = tuple(_checked(address, keyed=settings.keys.file is not None) for address in listen)
        settings = replace(settings, listen=addresses, listen_by_option=True)
    settings = replace(settings, keep_engines=keep_engines)
    machine = None if host is None else find_machine(host, settings.reserve)
    raise typer.Exit(start(DaemonOrder(settings, str(log_format), str(log_level), demo, machine)))


def _checked(address: str, *, keyed: bool) -> str:
    from hostd.config.addresses import address as checked  # costs 0.1 s, which the other verbs do without
    from hostd.config.server_values import why_open
    from hostd.config.validators import InvalidValue

    try:
        where = checked(address)
    except InvalidValue as error:
        raise VerbError(f"--listen: {error}", Code.USAGE) from error
    if not keyed and (why := why_open(where)) is not None:
        raise VerbError(f"--listen: {why}", Code.USAGE)
    return where


def _check_keys(path: str) -> None:
    """Say where clients need keys and there are none yet.

    Raises:
        ConfigError: They cannot be read, so that nobody would be let in, or the wrong ones.
    """
    from hostd.key_file import KeyFile  # reads YAML, which a daemon without keys does without

    if not KeyFile(path).read():
        say(
            f"there are no keys in {path} yet, so only the verbs of this user are answered; make one with: hostd keys create NAME"
        )
