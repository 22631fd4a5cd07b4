"""The daemon's events as they arrive: what `hostd events` prints and `hostd top` shows."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from hostd.cli.client import Client, JsonObject
from hostd.cli.exits import VerbError
from hostd.dialects.json_text import JsonError, parse_json

_SILENCE = 45.0
"""Seconds without a byte after which the daemon is taken to be gone: a stream says every 15 that it is alive."""


class DaemonEvent(NamedTuple):
    """One event: its *name*, and what stands in it."""

    name: str
    data: dict[str, Any]


def follow_events(client: Client, *, only: Collection[str] = (), last: int = 50) -> Iterator[DaemonEvent]:
    """Yield events until the daemon ends: ``hello``, the *last* decisions and requests, the state, and then what changes.

    *only* names the events that are wanted; all are when it is empty.

    Raises:
        VerbError: The daemon refused, or the connection broke off.
    """
    query = urlencode({"last": last} | ({"only": ",".join(only)} if only else {}))
    with client.request("GET", f"/hostd/v1/events?{query}", timeout=_SILENCE) as reply:
        name = ""
        for line in reply.lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield DaemonEvent(name, _data(value))


def _data(text: str) -> dict[str, Any]:
    try:
        data = parse_json(text.encode())
    except JsonError:
        data = None
    if not isinstance(data, dict):
        raise VerbError("the daemon sent an event that is no JSON object; is it another hostd (see: hostd version)?")
    return JsonObject(data)
