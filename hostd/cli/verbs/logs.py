"""``hostd logs``: what an engine wrote."""

from typing import Annotated

import typer

from hostd.cli.client import PATIENCE, connect, model_path
from hostd.cli.options import AsJson, Model, Url
from hostd.cli.output import emit_line, write_line


def logs(
    model: Model,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to print.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing as lines come, until Ctrl-C.")] = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Print the last lines that a model's engine wrote."""
    path = model_path(model, f"/logs?lines={lines}&follow={int(follow)}")
    with connect(url).request("GET", path, timeout=None if follow else PATIENCE) as reply:
        for line in reply.lines():
            if json:
                emit_line({"line": line})
            else:
                write_line(line)
