"""Memory pools as bars: who holds what of one, to scale."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

from hostd.cli.top.cells import fitted
from hostd.cli.top.state import Row
from hostd.domain.units import format_bytes

_NAME = 8
_WIDE = 110
_SHORTEST = 20


class BarPart(NamedTuple):
    """A part of a bar: its *name*, bytes, how it is drawn with and without a terminal's full set of characters, and its colour."""

    name: str
    size: int
    mark: str
    plain: str
    style: str


def parts_of(pool: Row) -> list[BarPart]:
    """Return who holds what of *pool*, in the order of the bar; what is free comes last, before what is left to the system."""
    sums = {
        name: sum(model[f"{name}_bytes"] for model in pool["models"]) for name in ("weights", "kv", "other", "growth")
    }
    return [
        BarPart("others", pool["others_bytes"], "▒", "o", "white"),
        BarPart("weights", sums["weights"] + sums["other"], "█", "#", "blue"),
        BarPart("KV", sums["kv"], "▓", "=", "cyan"),
        BarPart("growth", sums["growth"], "░", "+", "cyan"),
        BarPart("free", max(0, pool["room_bytes"]), " ", " ", ""),
        BarPart("reserve", pool["reserve_bytes"], "·", ".", "dim"),
    ]


def pool_line(pool: Row, width: int, *, plain: bool) -> Text:
    """Return *pool* in a line of *width* places: name, bar and numbers; *plain* without characters beyond ASCII."""
    parts = parts_of(pool)
    free, total = format_bytes(max(0, pool["room_bytes"])), format_bytes(pool["total_bytes"])
    numbers = f" {free} of {total} free"
    if width >= _WIDE:
        held = [f"{part.name} {format_bytes(part.size)}" for part in parts if part.size and part.name != "free"]
        numbers += f": {', '.join(held)}"
    room = max(0, width - _NAME - 3)
    size = max(min(room, _SHORTEST), room - len(numbers))
    text = Text(fitted(pool["id"], _NAME) + " ", style="bold", no_wrap=True, overflow="crop")
    text.append("[", "dim")
    for part, places in zip(parts, scaled([part.size for part in parts], size), strict=True):
        text.append((part.plain if plain else part.mark) * places, part.style)
    text.append("]", "dim")
    text.append(fitted(numbers, max(0, room - size)), "")
    return text


def scaled(counts: Sequence[int], size: int) -> list[int]:
    """Return how many of *size* places each of *counts* gets: together all of them, by the largest remainders."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    exact = [count * size / total for count in counts]
    places = [int(share) for share in exact]
    left = size - sum(places)
    for at in sorted(range(len(counts)), key=lambda at: places[at] - exact[at])[:left]:
        places[at] += 1
    return places
