"""The options and arguments that several verbs share, so that they read the same everywhere."""

from typing import Annotated

import typer

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
