"""``hostd ps``: what runs now."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, say, show_table
from hostd.cli.phrases import memory, relative

_COLUMNS = (
    Column("MODEL", flexible=True),
    Column("STATE"),
    Column("BACKEND", extra=True),
    Column("PID", extra=True, right=True),
    Column("SLOTS", right=True),
    Column("QUEUE", right=True),
    Column("MEMORY"),
    Column("SPEED", extra=True),
    Column("UNLOADS"),
    Column("LAST ERROR", flexible=True),
)


def ps(*, json: AsJson = False, url: Url = None) -> None:
    """List every model with its state, slots, queue and memory."""
    status = connect(url).get("/hostd/v1/status")
    rows = status["instances"]
    for trouble in status.get("troubles", ()):
        say(f"degraded: {trouble}")
    if json:
        emit(rows)
    else:
        now = datetime.now(UTC)
        show_table(_COLUMNS, [_cells(row, now) for row in rows])


def _cells(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    error = row["last_error"] or NOTHING
    return (
        row["model"],
        _state(row),
        row["backend"] or NOTHING,
        str(row["pid"] or NOTHING),
        f"{row['in_flight']}/{row['slots']}",
        str(row["queued"]),
        memory(row["pool_bytes"] or {}),
        _speed(row.get("speed") or {}),
        relative(row["unloads_at"], now),
        error.splitlines()[0],
    )


def _speed(speed: Mapping[str, Any]) -> str:
    """Return the tokens that are read and written a second."""
    rates = [speed.get(name) for name in ("prefill_tokens_per_s", "decode_tokens_per_s")]
    if rates == [None, None]:
        return NOTHING
    return "/".join(NOTHING if rate is None else f"{rate:.0f}" for rate in rates) + " tok/s"


def _state(row: Mapping[str, Any]) -> str:
    if (breaker := row.get("breaker")) and breaker["state"] != "closed":
        return f"{row['state']}, left alone ({breaker['cause']})"
    if row.get("progress") is not None:
        return f"{row['state']} {row['progress']:.0%}"
    if prompts := row.get("prompts"):
        read, total = (sum(prompt[name] for prompt in prompts) for name in ("read_tokens", "total_tokens"))
        return f"{row['state']}, {read / max(1, total):.0%} of {total} tokens read"
    return f"{row['state']}, waits for {row['waits_for']}" if row.get("waits_for") else str(row["state"])
