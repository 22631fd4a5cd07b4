"""A plugin for openai-python's own tests before a host with a store: the ids that they ask for become those of responses it has."""

import json
import os
import urllib.request
from collections.abc import Callable
from functools import wraps
from typing import Any

from openai.resources.responses import AsyncResponses, Responses
from openai.resources.responses.input_items import AsyncInputItems, InputItems

REFUSED = ("background", "conversation", "prompt")


def kept() -> str:
    """Return the id of a response that the host has just made."""
    body = json.dumps({"model": "gpt-4o", "input": "Hello", "max_output_tokens": 4}).encode()
    with urllib.request.urlopen(f"{os.environ['TEST_API_BASE_URL']}/responses", body) as answer:
        return str(json.loads(answer.read())["id"])


def _on_kept(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def asked(self: Any, response_id: str, **members: Any) -> Any:
        if members.get("after"):
            members["after"] = f"msg_{(response_id := kept())}_in0"
        return method(self, response_id and kept() if "after" not in members else response_id, **members)

    return asked


def _after_kept(create: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(create)
    def asked(*arguments: Any, **members: Any) -> Any:
        if members.get("previous_response_id"):
            members["previous_response_id"] = kept()
        return create(*arguments, **{name: value for name, value in members.items() if name not in REFUSED})

    return asked


for resource in (Responses, AsyncResponses):
    resource.create = _after_kept(resource.create)  # type: ignore[method-assign]
    resource.retrieve = _on_kept(resource.retrieve)  # type: ignore[method-assign]
    resource.delete = _on_kept(resource.delete)  # type: ignore[method-assign]
for items in (InputItems, AsyncInputItems):
    items.list = _on_kept(items.list)  # type: ignore[method-assign]
