"""What vLLM is told of thinking: variables of its model's template, and ``reasoning_effort``.

``/tokenize`` renders a prompt and generates nothing. gpt-oss is served without a template, by the level of effort alone, so a level
that every build knows is a member of the request; others are a variable, since older builds refuse them as a member.
https://docs.vllm.ai/en/latest/features/reasoning_outputs/
"""

from collections.abc import Mapping
from typing import Any

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.thinking import RENDERING, ThinkingWords, by_template, control_of
from hostd.dialects.chat_template import QUESTION, Rendering
from hostd.dialects.openai.request_fields import TEMPLATE
from hostd.dialects.openai.thinking import EFFORT
from hostd.domain.thinking import USUAL_LEVELS, ThinkingControl, ThinkingWish, Variables

_ITS_OWN_BUDGET = "thinking_token_budget"
_SPACES = str.maketrans({"\u0120": " ", "\u010a": "\n", "\u2581": " "})
"""How tokenizers write a space and a line break."""


async def template_control(http: HttpClient, endpoint: Endpoint) -> ThinkingControl | None:
    """Return what the template of the model at *endpoint* does."""

    async def render(variables: Variables) -> Rendering:
        asked = {"model": endpoint.model, "messages": QUESTION, TEMPLATE: variables, "return_token_strs": True}
        found = await http.document(f"{endpoint.url}/tokenize", endpoint.headers, asked, seconds=RENDERING)
        if not isinstance(found, dict) or not isinstance(found.get("tokens"), list):
            return None
        written = found.get("token_strs")
        return "".join(map(str, written)).translate(_SPACES) if isinstance(written, list) else tuple(found["tokens"])

    return await control_of(render, None)


def words(wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl) -> ThinkingWords:
    """Return *wish* as the members that vLLM knows."""
    said = by_template(wish, body, control)
    members: dict[str, Any] = {name: value for name, value in said.members.items() if name != TEMPLATE}
    variables = dict(said.members.get(TEMPLATE, {}))
    if variables.get(EFFORT) in USUAL_LEVELS:
        members[EFFORT] = variables.pop(EFFORT)
    if variables:
        members[TEMPLATE] = variables
    return ThinkingWords(members, [name for name in said.without if name != _ITS_OWN_BUDGET], said.note)
