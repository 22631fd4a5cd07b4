"""What Ollama is told of thinking."""

from typing import Any

import pytest

from hostd.backends.ollama.thinking import shown_control, words
from hostd.domain.thinking import ThinkingWish

OFF, ON = ThinkingWish(think=False), ThinkingWish(think=True)
THINKS = {"capabilities": ["completion", "thinking"]}
LEVELS = {**THINKS, "thinking": {"values": ["low", "medium", "high"], "default": "medium"}}
FLAGS = {**THINKS, "thinking": {"values": [True, False], "default": False}}
NEVER = {"capabilities": ["completion"]}


@pytest.mark.parametrize(
    ("shown", "wish", "members", "note"),
    [
        (THINKS, OFF, {"reasoning_effort": "none"}, ""),
        (THINKS, ON, {}, ""),
        (THINKS, ThinkingWish.of_effort("max"), {"reasoning_effort": "high"}, "high"),
        (LEVELS, OFF, {"reasoning_effort": "low"}, "low"),
        (LEVELS, ThinkingWish.of_effort("high"), {"reasoning_effort": "high"}, ""),
        (FLAGS, ON, {"reasoning_effort": "medium"}, ""),
        (FLAGS, OFF, {"reasoning_effort": "none"}, ""),
        (NEVER, ThinkingWish.of_effort("high"), {}, "off"),
        (NEVER, OFF, {}, ""),
        ({}, OFF, {"reasoning_effort": "none"}, ""),
        ({}, ThinkingWish.of_effort("minimal"), {"reasoning_effort": "low"}, ""),
        ({}, ON, {}, ""),
    ],
)
def test_words(shown: dict[str, Any], wish: ThinkingWish, members: dict[str, Any], note: str) -> None:
    """One member says all, in the levels that the model is said to have; one that does not think is told nothing."""
    said = words(wish, shown_control(shown))
    assert (members, note) == (dict(said.members), said.note)
    assert {"chat_template_kwargs", "thinking", "reasoning"} <= set(said.without)


@pytest.mark.parametrize(
    ("shown", "can"), [(THINKS, "optional"), (LEVELS, "true"), (FLAGS, "optional"), (NEVER, "false")]
)
def test_capabilities(shown: dict[str, Any], can: str) -> None:
    """What it shows of a model is whether that thinks at will, always or never."""
    control = shown_control(shown)
    assert control is not None
    assert can == control.capability
