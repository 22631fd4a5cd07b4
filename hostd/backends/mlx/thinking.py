"""What the template of a model that MLX serves does with variables about thinking; hostd's launcher renders it."""

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.thinking import control_of, renderer
from hostd.domain.thinking import ThinkingControl

_ITS_OWN = frozenset({"enable_thinking"})
"""What mlx-lm hands to templates that are written in Python."""


async def template_control(http: HttpClient, endpoint: Endpoint, template: object) -> ThinkingControl | None:
    """Return what the template of the model at *endpoint* does; *template* is its text, where it is one."""
    render = renderer(http, f"{endpoint.url}/hostd/template", endpoint.headers)
    return await control_of(render, template if isinstance(template, str) else None, _ITS_OWN)
