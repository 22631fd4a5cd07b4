"""``hostd cost``: what requests came to, how many stayed local, and what their tokens would cost elsewhere."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hostd.cli.client import connect
from hostd.cli.machine_lines import machine_lines
from hostd.cli.options import AsJson, Compare, Url
from hostd.cli.output import NOTHING, Column, emit, say, show_table, write_line
from hostd.cli.phrases import money, percent
from hostd.domain.costs import MOST_DAYS, CostGroup


def cost(
    *,
    by: Annotated[CostGroup, typer.Option(help="What to add up by.")] = CostGroup.MODEL,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="Today and the days before it, so many in all.")] = 30,
    compare: Compare = None,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Tell what requests cost, and what share stayed local."""
    found = connect(url).get("/hostd/v1/cost", by=by, days=days, compare=compare)
    if json:
        emit(found)
        return
    compared = found["compare"]
    columns = [
        Column(str(by).upper(), flexible=by is not CostGroup.DAY),
        *(Column(title, right=True) for title in ("REQUESTS", "LOCAL")),
        *(Column(title, right=True, extra=True) for title in ("PROMPT", "ANSWER")),
        Column("USD", right=True),
        *(() if compared is None else (Column(f"AT {compared['model']}", right=True),)),
    ]
    rows = [(each["name"] or NOTHING, each) for each in found["groups"]] + [("total", found["total"])]
    show_table(columns, [_cells(name, row, compared=compared is not None) for name, row in rows])
    lines = list(machine_lines(found.get("machine"), compared))
    for line in ["", *lines] if lines else ():
        write_line(line)
    _say_what_is_not_known(found["total"])


def _cells(name: str, row: Mapping[str, Any], *, compared: bool) -> list[str]:
    return [
        name,
        str(row["requests"]),
        percent(row["local_share"]),
        str(row["prompt_tokens"]),
        str(row["output_tokens"]),
        money(row["usd"]),
        *([money(row["compare_usd"])] if compared else []),
    ]


def _say_what_is_not_known(total: Mapping[str, Any]) -> None:
    if count := total["unpriced_requests"]:
        say(f"{count} requests to cloud models are not in USD: their tokens were not counted, or there is no price")
    if count := total["uncounted_requests"]:
        say(f"{count} answers are not in the tokens: their engines did not count them")
