"""How many tokens llama-server makes of a conversation: it is rendered by the model's template, and the text is split."""

import json
from collections.abc import Mapping
from typing import Any

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient

_TIMEOUT = 5.0
_RENDERED = ("messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_effort", "response_format")
_PER_PICTURE = 1024
"""Tokens of one picture, about: models differ, and none says before it has looked."""


async def count_tokens(http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> int | None:
    """Return the tokens of the prompt of *body*, a chat completion; None where the server does not tell."""
    pictures = json.dumps(body.get("messages")).count('"image_url": {')
    asked = {name: body[name] for name in _RENDERED if name in body}
    rendered = await http.document(f"{endpoint.url}/apply-template", endpoint.headers, asked, seconds=_TIMEOUT)
    prompt = rendered.get("prompt") if isinstance(rendered, dict) else None
    if not isinstance(prompt, str):
        return None
    question = {"content": prompt, "add_special": True, "parse_special": True}
    split = await http.document(f"{endpoint.url}/tokenize", endpoint.headers, question, seconds=_TIMEOUT)
    tokens = split.get("tokens") if isinstance(split, dict) else None
    return len(tokens) + _PER_PICTURE * pictures if isinstance(tokens, list) else None
