"""Rows of the screen's tables: what stands in which column, and which columns a narrow terminal does without."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from hostd.cli.output import COLOURS, NOTHING
from hostd.cli.phrases import clock, percent, prefill
from hostd.cli.top.state import Row
from hostd.domain.control_characters import escaped
from hostd.domain.units import format_bytes

_STYLES = COLOURS | {
    "streaming": "green",
    "sleeping": "blue",
    "prefill": "cyan",
    "waiting": "yellow",
    "broken": "red",
    "refused": "red",
    "cold": "dim",
}
_MANY = 1000
_STEPS = (("d", 86400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of *width* places, the rest of the line where that is 0; shown on terminals of *least* places or more."""

    title: str
    width: int
    cell: Callable[[Row, datetime], str]
    right: bool = False
    least: int = 0


def line(columns: Sequence[TableColumn], width: int, cells: Sequence[str] | None = None) -> Text:
    """Return *cells*, or the columns' titles, in a line of *width* places."""
    shown = [(column, at) for at, column in enumerate(columns) if column.least <= width]
    rest = max(0, width - sum(column.width + 1 for column, _ in shown if column.width))
    text = Text(no_wrap=True, overflow="crop")
    for column, at in shown:
        size = column.width or rest
        said = fitted(column.title if cells is None else cells[at], size, right=column.right)
        style = "" if cells is None else _STYLES.get(cells[at].partition(" ")[0].rstrip(","), "")
        text.append(said, style)
        text.append(" ")
    text.truncate(width)
    return text


def row(columns: Sequence[TableColumn], width: int, about: Row, now: datetime) -> Text:
    """Return *about* in a line."""
    return line(columns, width, [column.cell(about, now) if column.least <= width else "" for column in columns])


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return *text* in exactly *width* places, cut short with an ellipsis, without characters that would drive the terminal."""
    text = escaped(text.replace("\n", " "))
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, max(0, width - 1)) + "…"[: min(1, width)]
    return " " * (width - size) + text if right else text + " " * (width - size)


def span(seconds: float) -> str:
    """Return so many seconds in few letters: ``3.2s``, ``45s``, ``12m``, ``3h``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    for unit, length in _STEPS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


def model_state(row: Row) -> str:
    """Return the state of a model in a few words."""
    breaker = row.get("breaker") or {}
    if breaker.get("state", "closed") != "closed":
        return f"{row['state']}, alone"
    if row.get("progress") is not None:
        return f"{row['state']} {row['progress']:.0%}"
    return f"{row['state']}, {row['waits_for']}" if row.get("waits_for") else str(row["state"])


def _rate(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0f}" if value < 10 * _MANY else f"{value / _MANY:.0f}k"


def _speed(name: str) -> Callable[[Row, datetime], str]:
    return lambda row, _now: _rate(row["speed"][name])


def _cached(row: Row, _now: datetime) -> str:
    return percent(row["speed"]["cached_share"])


def _ttft(row: Row, _now: datetime) -> str:
    milliseconds = row["speed"]["ttft_ms"]
    return NOTHING if milliseconds is None else span(milliseconds / 1000)


def _memory(row: Row, _now: datetime) -> str:
    held = sum((row["pool_bytes"] or {}).values())
    return format_bytes(held) if held else NOTHING


def _unloads(row: Row, now: datetime) -> str:
    if row["unloads_at"] is None:
        return "pinned" if row.get("pinned") else NOTHING
    return span((datetime.fromisoformat(row["unloads_at"]) - now).total_seconds())


MODELS = (
    TableColumn("MODEL", 0, lambda row, _now: str(row["model"])),
    TableColumn("STATE", 14, lambda row, _now: model_state(row)),
    TableColumn("BACKEND", 9, lambda row, _now: str(row["backend"] or NOTHING), least=110),
    TableColumn("SLOTS", 5, lambda row, _now: f"{row['in_flight']}/{row['slots']}", right=True),
    TableColumn("QUEUE", 5, lambda row, _now: str(row["queued"]), right=True),
    TableColumn("TOK/S", 6, _speed("decode_tokens_per_s"), right=True),
    TableColumn("READ/S", 6, _speed("prefill_tokens_per_s"), right=True, least=100),
    TableColumn("CACHED", 6, _cached, right=True, least=110),
    TableColumn("TTFT", 6, _ttft, right=True, least=100),
    TableColumn("MEMORY", 9, _memory, right=True),
    TableColumn("UNLOADS", 7, _unloads, right=True),
    TableColumn("FAILED", 6, lambda row, _now: str(row["restarts"] or NOTHING), right=True, least=120),
    TableColumn("LAST ERROR", 50, lambda row, _now: str(row["last_error"] or NOTHING), least=150),
)


def _request_state(row: Row, _now: datetime) -> str:
    if "total_ms" in row:
        return f"{row['state']} {row['status']}"
    if row["state"] == "waiting":
        return f"waiting {row['position']}"
    prompt = row["prompt"]
    if row["state"] == "prefill" and prompt:
        return prefill(prompt)
    return str(row["state"])


def _named(row: Row, _now: datetime) -> str:
    model, asked = row["model"] or "nobody", row["asked"]
    return str(model) if model == asked else f"{asked} > {model}"


def _age(row: Row, now: datetime) -> str:
    if "total_ms" in row:
        return span(row["total_ms"] / 1000)
    return span((now - datetime.fromisoformat(row["at"])).total_seconds())


def _wait(row: Row, _now: datetime) -> str:
    if "total_ms" in row:
        return span(row["queue_ms"] / 1000) if row["queue_ms"] else NOTHING
    wait = row["expected_wait_ms"]
    return NOTHING if wait is None else span(wait / 1000)


def _tokens(row: Row, _now: datetime) -> str:
    found: Mapping[str, Any] = row if "total_ms" in row else row["prompt"] or {}
    count = found.get("output_tokens", found.get("total_tokens"))
    return NOTHING if count is None else str(count)


REQUESTS = (
    TableColumn("REQUEST", 12, _request_state),
    TableColumn("MODEL", 0, _named),
    TableColumn("CLIENT", 14, lambda row, _now: str(row["client"] or NOTHING)),
    TableColumn("SESSION", 16, lambda row, _now: str(row["session"] or NOTHING), least=120),
    TableColumn("TIME", 6, _age, right=True),
    TableColumn("WAIT", 6, _wait, right=True),
    TableColumn("TOKENS", 7, _tokens, right=True, least=100),
    TableColumn("REASON", 14, lambda row, _now: str(row["reason"] or NOTHING)),
    TableColumn("ID", 24, lambda row, _now: str(row["id"]), least=130),
)


DECISIONS = (
    TableColumn("TIME", 8, lambda row, _now: clock(row["at"])),
    TableColumn("DECISION", 18, lambda row, _now: str(row["decision"]), least=100),
    TableColumn("WHY", 0, lambda row, _now: str(row["why"])),
)
