"""What cloud providers are told of thinking."""

from typing import Any

import pytest

from hostd.backends.cloud.thinking import message_words, words
from hostd.domain.cloud import CLOUD_PROVIDERS
from hostd.domain.thinking import ThinkingWish

OFF, ON, LOW, MAX = ThinkingWish(think=False), ThinkingWish(think=True), *map(ThinkingWish.of_effort, ("low", "max"))
BUDGET = ThinkingWish(think=True, budget=2000)


@pytest.mark.parametrize(
    ("provider", "model", "wish", "members", "note"),
    [
        ("openai", "gpt-5.2", OFF, {"reasoning_effort": "none"}, ""),
        ("openai", "gpt-5-mini", OFF, {"reasoning_effort": "minimal"}, "minimal"),
        ("openai", "o4-mini", OFF, {"reasoning_effort": "low"}, "low"),
        ("openai", "gpt-4o", OFF, {}, ""),
        ("openai", "gpt-4o", LOW, {}, "off"),
        ("openai", "gpt-5", LOW, {"reasoning_effort": "low"}, ""),
        ("openai", "gpt-5.2", MAX, {"reasoning_effort": "xhigh"}, "xhigh"),
        ("openai", "gpt-5.2", ON, {"reasoning_effort": "medium"}, ""),
        ("openai", "o3", ON, {}, ""),
        ("google", "gemini-2.5-flash", OFF, {"reasoning_effort": "none"}, ""),
        ("google", "gemini-3-pro", OFF, {"reasoning_effort": "low"}, "low"),
        ("google", "gemini-3-pro", MAX, {"reasoning_effort": "high"}, "high"),
        ("deepseek", "deepseek-chat", OFF, {"thinking": {"type": "disabled"}}, ""),
        ("deepseek", "deepseek-v4", MAX, {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, ""),
        ("zai", "glm-5", OFF, {"thinking": {"type": "disabled"}}, ""),
        ("zai", "glm-5", LOW, {"thinking": {"type": "enabled"}}, ""),
        ("openrouter", "any/model", OFF, {"reasoning": {"effort": "none"}}, ""),
        ("openrouter", "any/model", ON, {"reasoning": {"enabled": True}}, ""),
        ("openrouter", "any/model", BUDGET, {"reasoning": {"max_tokens": 2000}}, ""),
        ("openrouter", "any/model", MAX, {"reasoning": {"effort": "xhigh"}}, "xhigh"),
        ("xai", "grok-3-mini", OFF, {"reasoning_effort": "low"}, "low"),
        ("xai", "grok-3-mini", MAX, {"reasoning_effort": "high"}, "high"),
        ("xai", "grok-4", OFF, {}, "on"),
        ("xai", "grok-4", LOW, {}, ""),
        ("xai", "grok-4-fast-non-reasoning", OFF, {}, ""),
        ("xai", "grok-2", ON, {}, "off"),
    ],
)
def test_words(provider: str, model: str, wish: ThinkingWish, members: dict[str, Any], note: str) -> None:
    """Each is told in its own member, and each model what it takes; no word of another server's reaches them."""
    said = words(provider, model, wish, {"chat_template_kwargs": {"enable_thinking": False}})
    assert (members, note) == (said.members, said.note)
    assert {"chat_template_kwargs", "enable_thinking"} <= set(said.without)


def test_every_provider_is_told() -> None:
    """None of those that are known is told in the words of templates."""
    told = {name: words(name, "m", OFF, {}).members for name in CLOUD_PROVIDERS if name != "anthropic"}
    assert not [name for name, members in told.items() if "chat_template_kwargs" in members]


def test_other_settings_of_the_same_member_stay() -> None:
    """Such as whether the thought is shown."""
    given = {"reasoning": {"exclude": True, "effort": "high"}}
    assert {"reasoning": {"exclude": True, "effort": "none"}} == words("openrouter", "m", OFF, given).members
    given = {"thinking": {"type": "enabled", "clear_thinking": False}}
    assert {"thinking": {"type": "disabled", "clear_thinking": False}} == words("zai", "m", OFF, given).members


def test_a_provider_that_is_not_known() -> None:
    """Is told what its client says itself, or else in the words of templates."""
    assert {} == words("", "m", LOW, {"reasoning_effort": "low"}).members
    assert {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}} == words("", "m", OFF, {}).members


def test_messages() -> None:
    """The owner's wish is said as Anthropic has it, beside what else is said of the answer."""
    assert {"thinking": {"type": "disabled"}} == message_words(OFF, {}).members
    assert {"thinking": {"type": "adaptive"}, "output_config": {"format": 1}} == (
        message_words(ON, {"output_config": {"format": 1}}).members
    )
