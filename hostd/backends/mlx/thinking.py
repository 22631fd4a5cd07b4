"""What the template of a model that MLX serves does with variables about thinking; hostd's launcher renders it."""

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.thinking import control_of
from hostd.dialects.chat_template import QUESTION, Rendering
from hostd.dialects.openai.request_fields import TEMPLATE
from hostd.domain.thinking import ThinkingControl, Variables

_TIMEOUT = 2.0
_ITS_OWN = frozenset({"enable_thinking"})
"""What mlx-lm hands to templates that are written in Python."""


async def template_control(http: HttpClient, endpoint: Endpoint, template: object) -> ThinkingControl | None:
    """Return what the template of the model at *endpoint* does; *template* is its text, where it is one."""

    async def render(variables: Variables) -> Rendering:
        asked = {"messages": QUESTION, TEMPLATE: variables}
        found = await http.document(f"{endpoint.url}/hostd/template", endpoint.headers, asked, seconds=_TIMEOUT)
        prompt = found.get("prompt") if isinstance(found, dict) else None
        return prompt if isinstance(prompt, str) else None

    return await control_of(render, template if isinstance(template, str) else None, _ITS_OWN)
