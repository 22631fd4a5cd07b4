"""``hostd reload``: have the daemon read its files anew."""

import json as json_text
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, say, show_table
from hostd.domain.errors import ConfigError

_COLUMNS = (
    Column("CHANGE"),
    Column("SETTING", flexible=True),
    Column("BEFORE", flexible=True),
    Column("AFTER", flexible=True),
    Column("HOLDS"),
)
_HOLDS = {"now": "now", "idle": "once it is idle", "restart": "after a restart"}


def reload(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")] = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Have the daemon read its files anew, and print what changes."""
    try:
        answer = connect(url).post(f"/hostd/v1/reload{'?dry_run=1' if dry_run else ''}")
    except ConfigError as error:
        if json:
            emit({"applied": False, "problems": [asdict(problem) for problem in error.problems]})
        say("the settings stay as they were; correct what follows")
        raise
    for note in answer["notes"]:
        say(note)
    if json:
        emit(answer)
    elif rows := list(_rows(answer)):
        show_table(_COLUMNS, rows)
    else:
        say("nothing differs from what is in force")
    if dry_run:
        say("nothing was changed; without --dry-run it is")


def _rows(answer: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for model in answer["added"]:
        yield "added", f"profiles.{model}", NOTHING, NOTHING, "now"
    for change in answer["changes"]:
        takes = change["takes"]
        yield "changed", change["key"], _plain(change["before"]), _plain(change["after"]), _HOLDS.get(takes, takes)
    for model in answer["removed"]:
        yield "removed", f"profiles.{model}", NOTHING, NOTHING, "once it is idle"


def _plain(value: object) -> str:
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False)
