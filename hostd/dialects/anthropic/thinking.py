"""How much a model is to think, in the words of Anthropic's messages: ``thinking`` and ``output_config.effort``.

Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking, .../adaptive-thinking and .../effort.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hostd.dialects.openai.thinking import of_effort, of_kind
from hostd.domain.thinking import ThinkingWish, nearest

Json = dict[str, Any]

LEAST_BUDGET = 1024
"""Tokens of thought that a model can be given at least."""
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def wish_of(body: Mapping[str, Any]) -> ThinkingWish | None:
    """Return what a request for a message says of thinking; None where it says nothing.

    A model that thinks as it sees fit (``adaptive``) is one of which nothing but the effort is said.
    """
    config = body.get("output_config")
    effort = of_effort(config.get("effort")) if isinstance(config, Mapping) else None
    wish = of_kind(body.get("thinking"))
    if (wish is not None and wish.think is False) or effort is None:
        return None if wish == ThinkingWish() else wish
    if effort.think is False or wish is None:
        return replace(effort, think=effort.think and None)
    return replace(wish, effort=effort.effort)


def words_of(wish: ThinkingWish, *, others: Mapping[str, Any] | None = None) -> Json:
    """Return *wish* as members of a request for a message; *others* are members of its ``output_config``."""
    said: Json = {}
    config = dict(others or {})
    if wish.think is False:
        said["thinking"] = {"type": "disabled"}
    elif wish.budget and wish.budget >= LEAST_BUDGET:
        said["thinking"] = {"type": "enabled", "budget_tokens": wish.budget}
    elif wish.think or wish.effort:
        said["thinking"] = {"type": "adaptive"}
    if wish.think is not False and wish.effort:
        config["effort"] = nearest(wish.effort, _EFFORTS)
    return said | ({"output_config": config} if config else {})
