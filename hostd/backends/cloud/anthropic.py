"""Anthropic's API: its key has a header of its own, and its models differ in how they are told to think.

Sources: https://docs.anthropic.com/en/api/overview, https://platform.claude.com/docs/en/build-with-claude/thinking.
"""

import re
from collections.abc import Mapping
from typing import Any

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient

NAME = "anthropic"
URL = "https://api.anthropic.com/v1"
KEY_HEADER = "x-api-key"
HEADERS: Mapping[str, str] = {"anthropic-version": "2023-06-01"}

_BY_BUDGET = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[0-5])?(-20\d{6})?$)")
"""Models that think when they are given tokens for it, and know no effort: those before version 4.6."""
_BUDGETS = {"low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 24576}
_LEAST_BUDGET = 1024
_NOT_WITH_THOUGHT = ("temperature", "top_k", "top_p")
_FORCED = ("any", "tool")
_COUNTED = ("messages", "system", "tools", "tool_choice", "thinking")
_COUNTING = 5.0
"""Seconds in which the provider must have counted a prompt."""


def adapted(model: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the changes to the request *body* for *model*, and what is to be left out of it."""
    changes: dict[str, Any] = {"model": model}
    thinking, config = body.get("thinking"), body.get("output_config")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    config = config if isinstance(config, dict) else {}
    if kind is None or kind == "disabled":
        return changes, []
    without: list[str] = []
    if kind == "adaptive" and _BY_BUDGET.match(model):
        budget = _budget(str(config.get("effort")), body.get("max_tokens"))
        rest = {name: value for name, value in config.items() if name != "effort"}
        if rest:
            changes["output_config"] = rest
        elif config:
            without.append("output_config")
        if budget is None or _cannot_think(body):
            return changes, [*without, "thinking"]
        changes["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif _cannot_think(body) and kind != "adaptive":
        return changes, ["thinking"]
    return changes, [*without, *(name for name in _NOT_WITH_THOUGHT if name in body)]


async def count_tokens(http: HttpClient, endpoint: Endpoint, body: Mapping[str, Any]) -> int | None:
    """Return the tokens of the prompt of *body*, a request for a message; None where the provider does not tell."""
    changes, without = adapted(endpoint.model, body)
    asked = {name: body[name] for name in _COUNTED if name in body and name not in without} | changes
    asked.pop("output_config", None)
    url = f"{endpoint.url}/messages/count_tokens"
    answer = await http.document(url, endpoint.headers, asked, seconds=_COUNTING)
    counted = answer.get("input_tokens") if isinstance(answer, dict) else None
    return counted if isinstance(counted, int) else None


def _budget(effort: str, limit: object) -> int | None:
    """Return the tokens of thought for *effort*, fewer than the *limit* of the answer; None where too few are left."""
    wanted = _BUDGETS.get(effort, _BUDGETS["medium"])
    most = limit - 1 if isinstance(limit, int) else wanted
    return None if most < _LEAST_BUDGET else min(wanted, most)


def _cannot_think(body: Mapping[str, Any]) -> bool:
    """Return whether the provider would refuse thought: with a forced tool, and in the middle of a turn that began without any."""
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in _FORCED:
        return True
    messages = body.get("messages")
    turns = [each for each in messages if each.get("role") == "assistant"] if isinstance(messages, list) else []
    content = turns[-1].get("content") if turns else None
    if not isinstance(content, list) or not content:
        return False
    return any(block.get("type") == "tool_use" for block in content) and "thinking" not in str(content[0].get("type"))
