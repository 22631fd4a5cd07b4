"""``hostd top``: what runs and who waits, live."""

import os
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from hostd.cli.client import connect
from hostd.cli.event_stream import DaemonEvent, follow_events
from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import console, emit, write_line
from hostd.cli.top.state import DaemonState, View, utc_now

_LAST = 100
_PIPED_WIDTH = 160


def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print what there is to show once, into a pipe, too.")] = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Show what runs and who waits, live.

    That is memory, models, requests and decisions; q leaves. Keys: s sorts models by another column, r reverses, / filters by
    words, tab gives another part more room, up and down scroll it.
    """
    live = not (once or json)
    if live and (not sys.stdin.isatty() or not sys.stdout.isatty() or os.environ.get("TERM") in (None, "", "dumb")):
        raise VerbError("hostd top needs a terminal; hostd top --once prints what it would show", Code.USAGE)
    client = connect(url)

    def follow() -> Iterator[DaemonEvent]:
        return follow_events(client, last=_LAST)

    state, events = DaemonState(str(client.address)), follow()
    # Before the screen is taken: where no daemon is, that is said as by every verb.
    for event in events:
        state.take(event, utc_now())
        if state.complete:
            break
    else:
        raise VerbError(f"the daemon at {client.address} is ending; start it again with: hostd serve", Code.UNREACHABLE)
    if live:
        from hostd.cli.top.live import LiveScreen

        LiveScreen(state, events, follow).run()
    elif json:
        emit({**state.data, "decisions": list(state.decisions), "past": list(state.past)})
    else:
        _print(state)


def _print(state: DaemonState) -> None:
    """Print one frame, with everything in it."""
    from hostd.cli.top.frame import Size, frame

    screen, terminal = console(), sys.stdout.isatty()
    width = screen.width if terminal or "COLUMNS" in os.environ else _PIPED_WIDTH
    for line in frame(state, View(), Size(width, None, plain=screen.options.ascii_only), utc_now()):
        if terminal:
            screen.print(line, no_wrap=True, overflow="crop")
        else:
            write_line(line.plain.rstrip())
