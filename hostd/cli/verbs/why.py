"""``hostd why``: the scheduler's last decisions, with their numbers."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import typer

from hostd.cli.client import Client, connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import emit, say, show_pairs


def why(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL|REQUEST]",
            help="A model, or the x-request-id of an answer; all when left out.",
            show_default=False,
        ),
    ] = None,
    *,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many of the last decisions to print.")] = 20,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Print the last decisions, with the numbers that led to them."""
    decisions = _ask(connect(url), subject, last)
    if json:
        emit(decisions)
    elif decisions:
        today = datetime.now().astimezone().date()
        show_pairs((_head(decision, today), decision["why"]) for decision in decisions)
    else:
        say(f"nothing has been decided about '{subject}' yet" if subject else "nothing has been decided yet")


def _ask(client: Client, subject: str | None, last: int) -> list[dict[str, Any]]:
    """Return the decisions about *subject*: a request's where there are any, else a model's."""
    if subject is None:
        return _decisions(client, last=last)
    return _decisions(client, request=subject, last=last) or _decisions(client, model=subject, last=last)


def _decisions(client: Client, **query: object) -> list[dict[str, Any]]:
    decisions: list[dict[str, Any]] = client.get("/hostd/v1/why", **query)["decisions"]
    return decisions


def _head(decision: Mapping[str, Any], today: date) -> str:
    moment = datetime.fromisoformat(decision["at"]).astimezone()
    day = "" if moment.date() == today else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M:%S}  {decision['decision']}"
