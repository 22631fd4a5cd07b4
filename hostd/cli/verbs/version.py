"""``hostd version``: which hostd this is."""

import typer

from hostd import __version__
from hostd.cli.options import AsJson
from hostd.cli.output import emit


def version(*, json: AsJson = False) -> None:
    """Print the version."""
    if json:
        emit({"version": __version__})
    else:
        typer.echo(f"hostd {__version__}")
