"""``hostd events``: what happens, as it happens."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from hostd.cli.client import connect
from hostd.cli.event_stream import DaemonEvent, follow_events
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, emit_line, write_line


class EventName(StrEnum):
    """Events that can be asked for."""

    STATUS = "status"
    MODELS = "models"
    MEMORY = "memory"
    REQUESTS = "requests"
    DECISIONS = "decisions"
    PAST = "past"


def events(
    *,
    only: Annotated[
        list[EventName] | None,
        typer.Option(
            "--only", help="Events to print, all when left out. Several times for several.", show_default=False
        ),
    ] = None,
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, help="How many past decisions and requests to begin with.")
    ] = 10,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Print what happens as it happens, until Ctrl-C.

    Lines tell of decisions, of requests that are over, and of models that change; with --json each event is one line, whole.
    """
    lines = _Lines()
    for event in follow_events(connect(url), only=only or (), last=last):
        if json:
            emit_line({"event": event.name, **event.data})
        else:
            for line in lines.about(event):
                write_line(line)


class _Lines:
    """Puts events into lines; of the state, what is not as it was told last."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._troubles: list[str] = []

    def about(self, event: DaemonEvent) -> Iterator[str]:
        """Yield the lines about *event*."""
        match event.name:
            case "decisions":
                yield from (_line(each["at"], each["decision"], each["why"]) for each in event.data["decisions"])
            case "past":
                yield from (_line(each["at"], "request", _request(each)) for each in event.data["past"])
            case "models":
                yield from self._models(event.data["models"])
            case "status":
                found = [each for each in event.data["troubles"] if each not in self._troubles]
                yield from (_line(None, "trouble", each) for each in found)
                self._troubles = event.data["troubles"]
            case _:
                pass

    def _models(self, rows: list[dict[str, Any]]) -> Iterator[str]:
        for row in rows:
            name, state = row["model"], row["state"]
            before = self._states.get(name)
            if before != state:
                yield _line(None, "model", f"{name}: {f'{before} -> ' if before else ''}{state}")
        self._states = {row["model"]: row["state"] for row in rows}


def _request(row: Mapping[str, Any]) -> str:
    """Return one request that is over in a line: by whom it was answered and why, and what that took."""
    answered = row["model"] or "nobody"
    asked = "" if answered == row["asked"] else f"{row['asked']} -> "
    why = f"{row['route']}:{row['reason']}" if row["reason"] else row["route"]
    tokens = NOTHING if row["output_tokens"] is None else str(row["output_tokens"])
    took = f"{row['total_ms'] / 1000:.2f}s"
    return f"{row['id']} {asked}{answered} {why} {row['state']} {row['status']} in {took}, {tokens} tokens"


def _line(at: str | None, kind: str, text: str) -> str:
    moment = datetime.now().astimezone() if at is None else datetime.fromisoformat(at).astimezone()
    return f"{moment:%H:%M:%S}  {kind:<18}  {text}"
