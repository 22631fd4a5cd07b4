"""``hostd requests``: the last requests, and everything about one."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, show_pairs, show_table
from hostd.cli.phrases import clock, money
from hostd.domain.units import format_duration

_COLUMNS = (
    Column("AT"),
    Column("REQUEST", flexible=True),
    Column("ASKED", flexible=True),
    Column("MODEL", flexible=True),
    Column("ROUTE"),
    Column("STATE"),
    Column("TOOK", right=True),
    Column("TOKENS", right=True),
    Column("USD", right=True),
)
_TOLD = (
    *("state", "status", "asked", "model", "backend", "client", "position", "expected_wait_ms", "since_ms", "at"),
    *("queue_ms", "load_ms", "ttft_ms", "total_ms", "prompt", "prompt_tokens", "output_tokens", "cost_usd", "attempt"),
    *("route", "reason"),
)


def requests(
    request: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="The x-request-id of one; the last ones when left out.", show_default=False
        ),
    ] = None,
    *,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many that are over to list.")] = 20,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """List the requests under way and the last ones, or tell of one."""
    client = connect(url)
    if request is not None:
        found = client.get(f"/hostd/v1/requests/{quote(request, safe='')}")
        if json:
            emit(found)
        else:
            show_pairs(_told(found))
        return
    answer = client.get("/hostd/v1/requests", last=last)
    if json:
        emit([*answer["past"][::-1], *answer["requests"]])
    else:
        show_table(_COLUMNS, [*map(_past, answer["past"][::-1]), *map(_present, answer["requests"])])


def _past(row: Mapping[str, Any]) -> tuple[str, ...]:
    tokens = row["output_tokens"]
    return (
        clock(row["at"]),
        row["id"],
        row["asked"],
        row["model"] or NOTHING,
        row["reason"] or row["route"],
        f"{row['state']} {row['status']}",
        _seconds(row["total_ms"]),
        NOTHING if tokens is None else str(tokens),
        money(row["cost_usd"]),
    )


def _present(row: Mapping[str, Any]) -> tuple[str, ...]:
    route = row["reason"] or "primary"
    took = _seconds(row["since_ms"])
    return ("now", row["id"], row["asked"], row["model"], route, row["state"], took, NOTHING, NOTHING)


def _told(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "request", found["id"]
    yield from ((name, str(found[name])) for name in _TOLD if found.get(name) is not None)
    for decision in found["decisions"]:
        yield f"{clock(decision['at'])} {decision['decision']}", decision["why"]


def _seconds(milliseconds: float) -> str:
    return (
        f"{milliseconds / 1000:.1f}s" if milliseconds < 10_000 else format_duration(float(round(milliseconds / 1000)))
    )
