"""The options that several verbs share, and the host that they are about: this one, a known machine, or one in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.domain.errors import ConfigError
from hostd.domain.host import Host, Reserve
from hostd.hardware.simulated import PRESETS, find_preset, preset

if TYPE_CHECKING:
    from hostd.sizing.memory_state import MemoryState

PATIENCE = 1.0
"""Seconds that the daemon is given; a plan does without it where it takes longer."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="HOSTD_URL",
        metavar="URL",
        help="Where the daemon listens: http://HOST:PORT or unix:/PATH (from the configuration when left out).",
    ),
]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model, alias or role, as in: hostd ls", show_default=False)
]
Compare = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Also what the same tokens would cost at this cloud model, such as gpt-5."),
]
AnyHost = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="PRESET|FILE",
        help=f"Another machine than this one: {', '.join(PRESETS)}, or a file as inventory --json prints it.",
    ),
]


def find_machine(wanted: str | None, reserve: Reserve) -> Host:
    """Return the machine that *wanted* names, this one for None; *reserve* is left to others (a file says its own).

    Raises:
        VerbError: It is neither a machine's name nor a file (exit code 2).
        ConfigError: The file makes no sense.
    """
    if wanted is None:
        from hostd.hardware.probe import probe  # costs 20 ms, which other machines do without

        return probe(reserve)
    if wanted in PRESETS:
        return preset(wanted, reserve)
    if not Path(wanted).exists() and (meant := find_preset(wanted)):
        return preset(meant, reserve)
    from hostd.config.machine_file import read_machine  # costs 0.1 s, and only files need it
    from hostd.config.validators import hint

    if not Path(wanted).exists():
        raise VerbError(
            f"--host: {wanted!r} is neither a file nor a known machine; {hint(wanted, PRESETS)}", Code.USAGE
        )
    return read_machine(Path(wanted))


def owners_reserve() -> Reserve:
    """Return what the owner's files leave to others; the defaults when those have problems, which is then said."""
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without

    try:
        return load().reserve
    except ConfigError:
        say("the configuration has problems (see: hostd config check), so the default memory.reserve counts")
        return Reserve()


def daemon_memory(url: str | None) -> "MemoryState | None":
    """Return what the running daemon knows of its memory; None where none answers, or what answers is another program.

    Raises:
        VerbError: *url* is no address (exit code 2).
    """
    from hostd.cli.client import connect  # costs 0.05 s, which plans for other machines do without
    from hostd.sizing.memory_state import parse_memory_state  # the planners cost 0.2 s

    client = connect(url)
    try:
        # One read-only question: the plan itself is computed here, where the owner's files may be read.
        with client.request("GET", "/hostd/v1/plan", timeout=PATIENCE) as reply:
            return parse_memory_state(reply.json())
    except (VerbError, OSError, LookupError, TypeError, ValueError, AttributeError):
        return None
