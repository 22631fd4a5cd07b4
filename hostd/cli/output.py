"""What verbs print: tables and JSON on stdout, sentences on stderr.

All of it passes here, where control characters are escaped: no model, server or file writes to the owner's terminal directly.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from hostd.domain.control_characters import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NOTHING = "-"
# From here on letters may be two places wide.
_WIDE = 0x1100
_PIPED_WIDTH = 10_000
_GAP = 2
_READABLE = 16  # characters that a cell keeps before other columns give way
COLOURS = {
    "ready": "green",
    "loading": "yellow",
    "draining": "yellow",
    "stopping": "yellow",
    "failed": "red",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
}
"""Of states of models, and of findings, wherever a terminal shows them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; on a narrow terminal an *extra* one is left out and a *flexible* one cut short."""

    title: str
    flexible: bool = False
    extra: bool = False
    right: bool = False


def say(text: str) -> None:
    """Tell the owner one thing on stderr."""
    # Later lines are set in: none that a server wrote looks like one of hostd's own.
    write_line(f"hostd: {text}".replace("\n", "\n  "), err=True)


def write_line(text: str = "", *, err: bool = False) -> None:
    """Print *text* and end its line."""
    typer.echo(escaped(text, lines=True), err=err)


def write_piece(text: str, *, err: bool = False) -> None:
    """Print a part of a line, at once; pieces may be cut anywhere."""
    typer.echo(escaped(text, lines=True), nl=False, err=err)


def emit(data: Any) -> None:
    """Print *data* as JSON."""
    write_line(json.dumps(data, indent=2, ensure_ascii=False))


def emit_line(data: Any) -> None:
    """Print *data* as JSON on one line, at once, so that a stream can be read as it arrives."""
    write_line(json.dumps(data, ensure_ascii=False))


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* under *columns*, within the terminal's width; states get their colour.

    Into a pipe, everything is printed whole unless ``COLUMNS`` says how wide it may be.
    """
    rows = [[escaped(cell) for cell in row] for row in rows]
    if (
        not sys.stdout.isatty()
        and not {"COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"} & os.environ.keys()
        and _is_plain(rows)
    ):
        sys.stdout.writelines(_plain_lines(columns, rows))
        return
    from rich.table import Table  # costs 50 ms, which pipes, --json and failures do without
    from rich.text import Text

    shown = _that_fit(columns, rows, console().width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for at in shown:
        column = columns[at]
        title = Text(column.title, style="bold", no_wrap=True, overflow="ellipsis")
        table.add_column(title, no_wrap=not column.flexible, justify="right" if column.right else "left")
    for row in rows:
        cells = [row[at] for at in shown]
        table.add_row(*(Text(cell, style=COLOURS.get(cell, ""), no_wrap=True, overflow="ellipsis") for cell in cells))
    _print(table)


def _is_plain(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether every letter takes one place, so that no library is needed to measure them."""
    return all(cell.isprintable() and all(ord(letter) < _WIDE for letter in cell) for row in rows for cell in row)


def _plain_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    table = [tuple(column.title for column in columns), *rows]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        )
        yield f"{(' ' * _GAP).join(cells).rstrip()}\n"


def _that_fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return which columns to show: while they are too wide, empty ones are dropped first, then extra ones from the right."""
    natural = [max(map(len, (column.title, *cells))) for column, *cells in zip(columns, *rows, strict=True)]
    least = [min(size, _READABLE) if column.flexible else size for column, size in zip(columns, natural, strict=True)]
    places = range(len(columns))
    empty = [at for at in places if rows and all(row[at] == NOTHING for row in rows)]
    extra = [at for at in reversed(places) if columns[at].extra and at not in empty]
    shown = set(places)
    for at in (*empty, *extra):
        if sum(least[at] + _GAP for at in shown) - _GAP > width:
            shown.remove(at)
    return sorted(shown)


def show_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values below each other; long values continue under their own column."""
    from rich.table import Table  # costs 50 ms, which --json and failures do without
    from rich.text import Text

    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(escaped(name), Text(escaped(value, lines=True), style=COLOURS.get(value, "")))
    _print(table)


def _print(table: "Table") -> None:
    """Print *table* without the blanks that fill its last column."""
    screen = console()
    with screen.capture() as captured:
        screen.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def console(*, stderr: bool = False) -> "Console":
    """Return a rich console without colour outside a terminal, and without cut lines in a pipe."""
    from rich.console import Console  # costs 50 ms, which --json and failures do without

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False)
