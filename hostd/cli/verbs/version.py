"""``hostd version``: which hostd this is."""

from hostd import __version__
from hostd.cli.options import AsJson
from hostd.cli.output import emit, write_line


def version(*, json: AsJson = False) -> None:
    """Print the version."""
    if json:
        emit({"version": __version__})
    else:
        write_line(f"hostd {__version__}")
