"""``hostd report``: what a span of days came to, as a document to read or to keep."""

from typing import Annotated
from urllib.parse import urlencode

import typer

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import emit, write_line
from hostd.cli.week_report import markdown

app = typer.Typer(help="Report what requests came to, as Markdown.", no_args_is_help=True)


@app.command()
def week(
    *,
    compare: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Also what the same tokens would cost at this cloud model, such as gpt-5."),
    ] = None,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Report today and the six days before it."""
    query = {"days": "7"} | ({} if compare is None else {"compare": compare})
    found = connect(url).get(f"/hostd/v1/report?{urlencode(query)}")
    if json:
        emit(found)
    else:
        for line in markdown(found):
            write_line(line)


@app.callback()
def _report() -> None:
    pass
