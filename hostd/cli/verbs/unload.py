"""``hostd unload``: release a model's memory."""

from hostd.cli.client import connect, model_path
from hostd.cli.options import AsJson, Model, Url
from hostd.cli.output import emit, say

_BACK = ("loading", "ready")


def unload(model: Model, *, json: AsJson = False, url: Url = None) -> None:
    """Unload a model, once the requests that it is serving are done."""
    answer = connect(url).post(model_path(model, "/unload"))
    again = " again, because a request waits for it" if answer["state"] in _BACK else ""
    say(f"{answer['model']} is {answer['state']}{again}")
    if json:
        emit(answer)
