"""What llama-server is told of thinking: variables of its model's template, and a bound on the tokens of thought.

``/apply-template`` renders a prompt and generates nothing. A bound of one token has the server close a thought as it begins, which
is all that can be done about models that think whatever they are told.
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from collections.abc import Mapping
from typing import Any

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.thinking import ThinkingWords, by_template, control_of, renderer
from hostd.dialects.openai.thinking import BUDGET
from hostd.domain.thinking import ThinkingControl, ThinkingWish

_NEXT_TO_NOTHING = 1
"""Tokens of thought for a model that cannot do without; a bound of 0 is used up by a line break after ``<think>`` in the prompt."""
_ITS_OWN = frozenset({"enable_thinking"})
"""What the server acts upon whether the template reads it or not."""


async def template_control(http: HttpClient, endpoint: Endpoint, template: str | None) -> ThinkingControl | None:
    """Return what the template of the model at *endpoint* does; *template* is its text, from ``/props``."""
    render = renderer(http, f"{endpoint.url}/apply-template", endpoint.headers)
    return await control_of(render, template, _ITS_OWN)


def words(wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl) -> ThinkingWords:
    """Return *wish* as the members that llama-server knows."""
    said, budget, note = by_template(wish, body, control), wish.budget, ""
    if wish.think is False and control.off is None and not control.efforts and control.marks:
        budget = _NEXT_TO_NOTHING
    else:
        note = said.note
    members = dict(said.members) if budget is None else {**said.members, BUDGET: budget}
    return ThinkingWords(members, said.without, note)
