"""``hostd report``: what a span of days came to, as a document to read or to keep."""

import typer

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Compare, Url
from hostd.cli.output import emit, write_line
from hostd.cli.week_report import markdown

app = typer.Typer(help="Report what requests came to, as Markdown.", no_args_is_help=True)


@app.command()
def week(*, compare: Compare = None, json: AsJson = False, url: Url = None) -> None:
    """Report today and the six days before it."""
    found = connect(url).get("/hostd/v1/report", days=7, compare=compare)
    if json:
        emit(found)
    else:
        for line in markdown(found):
            write_line(line)


@app.callback()
def _report() -> None:
    pass
