"""One frame: the lines of the screen, as many as fit, the most important first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from hostd.cli.top.bars import pool_line
from hostd.cli.top.cells import DECISIONS, MODELS, REQUESTS, TableColumn, fitted, line, row
from hostd.cli.top.state import DaemonState, Row, ScreenPart, View

_MOST_POOLS = 6
_MOST_TROUBLES = 2
_LEAST_ROWS = 2
"""Rows that a section keeps while another has the focus."""
_RECENT = 5
"""Requests that are over, and decisions, that should be seen."""
_TITLE = "bold reverse"
_WORKS = frozenset({"streaming", "prefill"})
_PLAIN = {"…": "~"}
_KEYS = "q quit  s sort  r reverse  / filter  tab other part  ↑↓ scroll"
_PLAIN_KEYS = "q quit  s sort  r reverse  / filter  tab other part  j k scroll"


class Need(NamedTuple):
    """How many rows a section has, *most*, and how many of them should be seen."""

    wish: int
    most: int


class Size(NamedTuple):
    """Places and lines of a screen; *height* None: as many as there are. *plain* says that it shows ASCII only."""

    width: int
    height: int | None
    plain: bool = False


def frame(state: DaemonState, view: View, size: Size, now: datetime) -> list[Text]:
    """Return the lines of a screen, on which it is *now*."""
    lines = _frame(state, view, size, now)
    if size.plain:
        for each in lines:
            each.plain = "".join(
                letter if letter.isascii() else _PLAIN.get(letter, "?" * cell_len(letter)) for letter in each.plain
            )
    return lines


def _frame(state: DaemonState, view: View, size: Size, now: datetime) -> list[Text]:
    width, moment = size.width, state.at(now)
    head = [_header(state, moment, width), *_troubles(state, width)]
    pools = state.listed("memory", "pools")[:_MOST_POOLS]
    head += [pool_line(pool, width, plain=size.plain) for pool in pools]
    rows = _rows(state, view)
    tables = {ScreenPart.MODELS: MODELS, ScreenPart.REQUESTS: REQUESTS, ScreenPart.DECISIONS: DECISIONS}
    if size.height is None:
        shown = {section: found[:20] if section is ScreenPart.DECISIONS else found for section, found in rows.items()}
        return [
            *head,
            *(each for section in ScreenPart for each in _table(tables[section], section, view, shown, size, moment)),
        ]
    room = size.height - len(head) - 1
    counts = shares(room, {section: _need(section, found) for section, found in rows.items()}, view.focus)
    body: list[Text] = []
    for section in ScreenPart:
        if (count := counts[section]) is None:
            continue
        first = min(view.down, max(0, len(rows[section]) - count)) if section is view.focus else 0
        part = {section: rows[section][first : first + count]}
        body += _table(tables[section], section, view, part, size, moment)
    blank = max(0, room - len(body))
    lines = [*head, *body, *(Text("") for _ in range(blank)), _footer(view, size)]
    return lines[: size.height]


def shares(room: int, needs: Mapping[ScreenPart, Need], focus: ScreenPart) -> dict[ScreenPart, int | None]:
    """Return how many rows each section gets of *room* lines, in which each has a title, too; None for one that has no place.

    The one in *focus* comes first, while the others keep a little; then all in their order, up to what should be seen of them, and
    what is left goes to those that have more.
    """
    order = [focus, *(section for section in ScreenPart if section is not focus)]
    shown = [section for place, section in enumerate(order) if room >= (_LEAST_ROWS + 1) * (place + 1)] or order[:1]
    left = max(0, room - len(shown))
    counts = {section: min(needs[section].wish, _LEAST_ROWS, left // len(shown)) for section in shown}
    left -= sum(counts.values())
    for wishes in ({section: needs[section].wish for section in shown}, {focus: needs[focus].most}, None):
        for section in shown:
            wish = needs[section].most if wishes is None else wishes.get(section, 0)
            more = max(0, min(left, wish - counts[section]))
            if section is focus and wishes is not None:
                # Half of the rest is enough where others have something to show, too.
                others = sum(max(0, needs[other].wish - counts[other]) for other in shown if other is not section)
                more = min(more, max(left - others, (left + 1) // 2))
            counts[section] += more
            left -= more
    return {section: counts.get(section) for section in ScreenPart}


def _need(section: ScreenPart, rows: Sequence[Row]) -> Need:
    if section is ScreenPart.MODELS:
        return Need(len(rows), len(rows))
    over = sum("total_ms" in each for each in rows) if section is ScreenPart.REQUESTS else len(rows)
    return Need(len(rows) - over + min(over, _RECENT), len(rows))


def _rows(state: DaemonState, view: View) -> dict[ScreenPart, list[Row]]:
    """Return what each section has to show: models in order, requests that live and then those that are over, newest first."""
    models = [
        each for each in state.listed("models", "models") if view.shows(each["model"], each["state"], each["backend"])
    ]
    live = state.listed("requests", "requests")
    asked = [
        *sorted(live, key=lambda each: (each["state"] not in _WORKS, each["position"] or 0)),
        *reversed(state.past),
    ]
    requests = [
        each
        for each in asked
        if view.shows(each["model"], each["asked"], each["client"], each["session"], each["state"], each["id"])
    ]
    decisions = [each for each in reversed(state.decisions) if view.shows(each["model"], each["decision"], each["why"])]
    return {ScreenPart.MODELS: view.sorted(models), ScreenPart.REQUESTS: requests, ScreenPart.DECISIONS: decisions}


def _table(
    columns: Sequence[TableColumn],
    section: ScreenPart,
    view: View,
    rows: dict[ScreenPart, list[Row]],
    size: Size,
    now: datetime,
) -> list[Text]:
    title = line(columns, size.width)
    title.stylize(_TITLE if section is view.focus and size.height is not None else "reverse")
    lines = [title]
    for each in rows[section]:
        text = row(columns, size.width, each, now)
        if "total_ms" in each:
            text.stylize("dim")
        lines.append(text)
    return lines


def _header(state: DaemonState, now: datetime, width: int) -> Text:
    if state.trouble:
        text = Text(fitted(f"hostd {state.address}: {state.trouble}", width), no_wrap=True, overflow="crop")
        text.stylize("bold red")
        return text
    models = state.listed("models", "models")
    ready = sum(each["state"] == "ready" for each in models)
    flying, waiting = (sum(each[name] for each in models) for name in ("in_flight", "queued"))
    speed = sum(each["speed"]["decode_tokens_per_s"] or 0.0 for each in models if each["in_flight"])
    said = [f"{ready}/{len(models)} models ready", f"{flying} in flight", f"{waiting} waiting"]
    if speed:
        said.append(f"{speed:.0f} tok/s")
    providers = state.data.get("status", {}).get("providers", ())
    if cost := sum(each["today_usd"] for each in providers):
        said.append(f"{cost:.2f} USD today")
    if not state.data.get("status", {}).get("ready", True):
        said.append("loading")
    left = f"hostd {state.version} {state.address.removeprefix('http://')}  {', '.join(said)}"
    clock = f"{now.astimezone():%H:%M:%S}"
    return Text(f"{fitted(left, max(0, width - len(clock) - 1))} {clock}", style="bold", no_wrap=True, overflow="crop")


def _troubles(state: DaemonState, width: int) -> list[Text]:
    troubles = state.data.get("status", {}).get("troubles", ())
    return [Text(fitted(f"! {each}", width), style="red", no_wrap=True) for each in troubles[:_MOST_TROUBLES]]


def _footer(view: View, size: Size) -> Text:
    if view.typing:
        said = f"/{view.words}_   enter keeps it, esc clears it"
    else:
        words = f"filter: {view.words}  " if view.words else ""
        order = f"by {view.sort.value}{', reversed' if view.backwards else ''}"
        said = f"{words}{order}  {_PLAIN_KEYS if size.plain else _KEYS}"
    return Text(fitted(said, size.width), style="dim", no_wrap=True, overflow="crop")
