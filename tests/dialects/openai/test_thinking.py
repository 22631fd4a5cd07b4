"""The words that clients of chat completions have for how much a model is to think."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.anthropic import thinking as messages
from hostd.dialects.chat_template import NAMES
from hostd.dialects.openai.thinking import WORDS, wish_of, words_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.thinking import LEVELS, ThinkingWish

OFF, ON = ThinkingWish(think=False), ThinkingWish(think=True)
wishes = st.one_of(
    st.just(OFF),
    st.builds(
        ThinkingWish,
        think=st.just(True),
        effort=st.none() | st.sampled_from(LEVELS),
        budget=st.none() | st.integers(min_value=1, max_value=10**6),
    ),
)


@given(wishes)
def test_there_and_back(wish: ThinkingWish) -> None:
    """A wish keeps its meaning."""
    document = RequestDocument.of({"model": "m", **words_of(wish)})
    assert wish == wish_of(document)
    assert words_of(wish).keys() <= WORDS


@pytest.mark.parametrize(
    ("members", "wish"),
    [
        ({}, None),
        ({"messages": [], "temperature": 1}, None),
        ({"reasoning_effort": "none"}, OFF),
        ({"reasoning_effort": "low"}, ThinkingWish.of_effort("low")),
        ({"reasoning_effort": None}, None),
        ({"reasoning_effort": 7}, None),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, ThinkingWish.of_effort("high")),
        ({"reasoning": {"effort": "none"}}, OFF),
        ({"reasoning": {"enabled": False}}, OFF),
        ({"reasoning": {"max_tokens": 9}}, ThinkingWish(think=True, budget=9)),
        ({"reasoning": {"max_tokens": 10**20}}, ThinkingWish(think=True, budget=2**31 - 1)),
        ({"reasoning": {"summary": "auto"}}, None),
        ({"reasoning": True}, ON),
        ({"thinking": {"type": "disabled"}}, OFF),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, ThinkingWish(think=True, budget=9)),
        ({"thinking": {"type": "of course"}}, None),
        ({"enable_thinking": False}, OFF),
        ({"enable_thinking": True, "thinking_budget": 9}, ThinkingWish(think=True, budget=9)),
        ({"think": False}, OFF),
        ({"think": "high"}, ThinkingWish.of_effort("high")),
        ({"thinking_budget_tokens": 0}, OFF),
        ({"reasoning_budget_tokens": -1}, None),
        ({"chat_template_kwargs": {"enable_thinking": False}}, OFF),
        ({"chat_template_kwargs": {"thinking": True}}, ON),
        ({"chat_template_kwargs": {"thinking_mode": "chat"}}, OFF),
        ({"chat_template_kwargs": {"thinking_mode": "enabled"}}, ON),
        ({"chat_template_kwargs": {"thinking_budget": 0}}, OFF),
        ({"chat_template_kwargs": {"reasoning_effort": "high"}}, ThinkingWish.of_effort("high")),
        ({"chat_template_kwargs": {"reasoning_effort": "no_think"}}, OFF),
        ({"chat_template_kwargs": {"enable_thinking": "false"}}, None),
        ({"chat_template_kwargs": {"today": "Monday"}}, None),
        ({"chat_template_kwargs": "x"}, None),
        ({"reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": False}}, OFF),
        ({"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": True}}, OFF),
        (
            {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": True}},
            ThinkingWish.of_effort("low"),
        ),
    ],
)
def test_what_clients_say(members: dict[str, Any], wish: ThinkingWish | None) -> None:
    """Whatever member it stands in; what makes no sense is no wish, and of a contradiction less thought is taken."""
    assert wish == wish_of(RequestDocument.of(members))
    assert wish == wish_of(members)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "effort", "enabled"]), inner),
    max_leaves=4,
)


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from(sorted(WORDS)), json_values | st.dictionaries(st.sampled_from(sorted(NAMES)), json_values)
    )
)
def test_whatever_is_said(members: dict[str, Any]) -> None:
    """No value makes it fail, and a wish that is read can be said."""
    wish = wish_of(members)
    assert wish is None or words_of(wish).keys() <= WORDS
    for body in (members, {"thinking": members, "output_config": members}):
        messages_wish = messages.wish_of(body)
        assert messages_wish is None or messages.words_of(messages_wish).keys() <= {"thinking", "output_config"}
