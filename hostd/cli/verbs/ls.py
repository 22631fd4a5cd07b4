"""``hostd ls``: what may be asked for."""

from collections.abc import Mapping
from typing import Any

from hostd.cli.client import connect
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, show_table
from hostd.cli.phrases import listed

_COLUMNS = (
    Column("MODEL", flexible=True),
    Column("STATE"),
    Column("CONTEXT", right=True),
    Column("CAN", extra=True),
    Column("SERVED BY", flexible=True),
    Column("ALSO CALLED", flexible=True),
    Column("FALLBACK", flexible=True, extra=True),
)


def ls(*, json: AsJson = False, url: Url = None) -> None:
    """List the models that may be asked for, by all their names."""
    models = connect(url).get("/hostd/v1/models")["models"]
    if json:
        emit(models)
    else:
        show_table(_COLUMNS, [_cells(model) for model in models])


def _cells(model: Mapping[str, Any]) -> tuple[str, ...]:
    usable = [variant["label"] for variant in model["variants"] if variant["usable"]]
    return (
        model["name"],
        model["state"],
        str(model["context"] or NOTHING),
        listed(abilities(model["capabilities"])),
        usable[0] if usable else "nothing here",
        listed([*model["roles"], *model["aliases"]]),
        listed(model["fallback"]),
    )


def abilities(capabilities: Mapping[str, Any]) -> list[str]:
    """Return the names of what a model can do, a qualified one as ``thinking (optional)``."""
    able = {name: value for name, value in capabilities.items() if value and value != "false"}
    return [f"{name} ({value})" if isinstance(value, str) and value != "true" else name for name, value in able.items()]
