"""``hostd probe``: what a model can really do."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hostd.cli.client import connect, model_path
from hostd.cli.options import AsJson, Model, Url
from hostd.cli.output import Column, emit, say, show_table

_COLUMNS = (Column("CAPABILITY"), Column("VERDICT"), Column("DECLARED", extra=True), Column("WHY", flexible=True))


def probe(
    model: Model,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree to what a provider charges for a dozen short requests.")
    ] = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Find out what a model really does: tools, schemas, pictures."""
    client = connect(url)
    # Whether a daemon answers, and knows the model, is said first.
    client.get(model_path(model))
    say(f"asking {model}, whenever nobody else does ...")
    answer = client.post(model_path(model, "/probe?paid=1" if yes else "/probe"))
    if json:
        emit(answer)
        return
    if not answer["probed"]:
        say(f"{answer['model']} is declared for a task of its own, about which nothing is asked")
        return
    declared = answer["declared"]
    show_table(_COLUMNS, [_cells(name, found, declared) for name, found in answer["probed"].items()])
    for name, found in answer["probed"].items():
        if _contradicts(declared.get(name), found["verdict"]):
            say(f"the profile declares {name}: {_word(declared[name])}, which counts; it was found otherwise")


def _cells(name: str, found: Mapping[str, Any], declared: Mapping[str, Any]) -> tuple[str, ...]:
    return name, found["verdict"], _word(declared.get(name)), found["why"]


def _word(declared: object) -> str:
    """Return what the profile says, as verdicts are written; empty where it says nothing."""
    return {True: "yes", False: "no", "true": "yes", "false": "no", None: ""}.get(declared, str(declared))


def _contradicts(declared: object, verdict: str) -> bool:
    return verdict != "unknown" and _word(declared) in ("yes", "no") and _word(declared) != verdict
