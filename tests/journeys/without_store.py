"""A plugin for openai-python's own tests, which leaves out of their requests what would need a store of responses."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from openai.resources.responses import AsyncResponses, Responses

STORED = ("background", "conversation", "previous_response_id", "prompt")


def _without(create: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(create)
    def asked(*arguments: Any, **members: Any) -> Any:
        return create(*arguments, **{name: value for name, value in members.items() if name not in STORED})

    return asked


for resource in (Responses, AsyncResponses):
    resource.create = _without(resource.create)  # type: ignore[method-assign]
