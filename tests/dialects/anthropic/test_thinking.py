"""The words that Anthropic's messages have for how much a model is to think, and what becomes of them in a chat completion."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.anthropic.request import chat_request
from hostd.dialects.anthropic.thinking import wish_of, words_of
from hostd.dialects.from_messages.request import messages_request
from hostd.dialects.request_document import RequestDocument
from hostd.domain.thinking import ThinkingWish

OFF = ThinkingWish(think=False)
efforts = st.sampled_from(["low", "medium", "high", "xhigh", "max"])
said = st.one_of(
    st.just({"thinking": {"type": "disabled"}}),
    st.builds(lambda effort: {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}, efforts),
    st.builds(lambda budget: {"thinking": {"type": "enabled", "budget_tokens": budget}}, st.integers(1024, 64_000)),
)
"""What the API takes, of which something is said that is not its own default."""


@given(said)
def test_there_and_back(members: dict[str, Any]) -> None:
    """A request that becomes a chat completion and a message again says the same of thinking."""
    asked = {"model": "m", "max_tokens": 100_000, "messages": [{"role": "user", "content": "Hi"}], **members}
    back = messages_request(chat_request(RequestDocument.of(asked)))
    assert members == {name: back[name] for name in ("thinking", "output_config") if name in back}


@pytest.mark.parametrize(
    ("members", "wish"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, OFF),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, OFF),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, ThinkingWish(effort="high")),
        ({"output_config": {"effort": "low"}}, ThinkingWish(effort="low")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, ThinkingWish(think=True, budget=2000)),
        ({"thinking": "x", "output_config": []}, None),
    ],
)
def test_what_clients_say(members: dict[str, Any], wish: ThinkingWish | None) -> None:
    """A model that may think as it sees fit is told nothing but the effort."""
    assert wish == wish_of(members)


@pytest.mark.parametrize(
    ("wish", "members"),
    [
        (OFF, {"thinking": {"type": "disabled"}}),
        (ThinkingWish(think=True), {"thinking": {"type": "adaptive"}}),
        (ThinkingWish(think=True, budget=100), {"thinking": {"type": "adaptive"}}),
        (
            ThinkingWish.of_effort("minimal"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low", "format": 1}},
        ),
    ],
)
def test_words(wish: ThinkingWish, members: dict[str, Any]) -> None:
    """A budget that is too small is left to the model; other settings of the answer stay."""
    assert members == words_of(wish, others={"format": 1} if "output_config" in members else None)
