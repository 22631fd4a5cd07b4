"""``hostd queue``: which requests are being answered, and which wait for what."""

from collections.abc import Mapping
from typing import Any

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, show_table
from hostd.cli.phrases import prefill
from hostd.domain.units import format_duration

_COLUMNS = (
    Column("MODEL", flexible=True),
    Column("REQUEST", flexible=True),
    Column("CLIENT", flexible=True),
    Column("PRIORITY", extra=True),
    Column("STATE"),
    Column("PLACE", right=True),
    Column("SINCE", right=True),
    Column("EXPECTED", right=True),
    Column("FALLBACK", extra=True),
)


def queue(*, json: AsJson = False, url: Url = None) -> None:
    """List the requests that are being answered or wait."""
    rows = connect(url).get("/hostd/v1/requests")["requests"]
    if json:
        emit(rows)
    else:
        show_table(_COLUMNS, [_cells(row) for row in rows])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    expected = row["expected_wait_ms"]
    return (
        row["model"],
        row["id"],
        row["client"] or row["session"] or NOTHING,
        row["priority"],
        _state(row),
        str(row["position"] or NOTHING),
        _seconds(row["since_ms"]),
        NOTHING if expected is None else _seconds(expected),
        row["reason"] or NOTHING,
    )


def _state(row: Mapping[str, Any]) -> str:
    prompt = row.get("prompt")
    if row["state"] != "prefill" or not prompt:
        return str(row["state"])
    return prefill(prompt)


def _seconds(milliseconds: float) -> str:
    return format_duration(float(round(milliseconds / 1000)))
