"""``hostd load``: make a model ready before a request asks for it."""

from typing import Annotated

import typer

from hostd.cli.client import connect, model_path
from hostd.cli.options import AsJson, Model, Url
from hostd.cli.output import emit, say
from hostd.cli.progress import loading


def load(
    model: Model,
    *,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Come back when the model is ready, or at once.")
    ] = True,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Load a model and wait until it is ready."""
    client = connect(url)
    if wait:
        with loading(client, model):
            answer = client.post(model_path(model, "/load"))
        say(f"{answer['model']} is {answer['state']} after {answer['seconds']:.1f} s")
    else:
        answer = client.post(model_path(model, "/load?wait=0"))
        say(f"{answer['model']} is {answer['state']}; see: hostd ps")
    if json:
        emit(answer)
