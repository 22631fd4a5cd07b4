"""What Anthropic's models are told of thought, each in the words that it knows."""

from typing import Any

import pytest

from hostd.backends.cloud.anthropic import adapted
from hostd.backends.cloud.provider import Cloud
from hostd.dialects.base import Dialect
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.profile import Profile, Variant

OLD, NEW = "claude-haiku-4-5-20251001", "claude-sonnet-5"
ADAPTIVE = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}
KEY = "sk-ant-0123456789"
VARIANT = Variant("cloud", provider="anthropic", model=NEW, api_key=KEY)


def sent(model: str, **members: Any) -> dict[str, Any]:
    """Return what *model* is sent for *members*."""
    changes, without = adapted(model, members)
    return {name: value for name, value in members.items() if name not in without} | changes


@pytest.mark.parametrize(
    ("model", "by_budget"),
    [
        ("claude-3-7-sonnet-latest", True),
        ("claude-opus-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        (OLD, True),
        ("claude-haiku-4-5", True),
        ("claude-opus-4-6", False),
        (NEW, False),
    ],
)
def test_older_models_think_by_a_budget(model: str, by_budget: bool) -> None:
    """And know no effort; newer ones decide for themselves."""
    asked = sent(model, max_tokens=32_000, temperature=0.5, **ADAPTIVE)
    assert "temperature" not in asked
    expected = {"thinking": {"type": "enabled", "budget_tokens": 16_384}} if by_budget else ADAPTIVE
    assert expected == {name: asked[name] for name in ("thinking", "output_config") if name in asked}


def test_no_thought_where_it_would_be_refused() -> None:
    """With too few tokens, with a forced tool, and in the middle of a turn that began without any."""
    assert {"model": OLD, "max_tokens": 100} == sent(OLD, max_tokens=100, thinking={"type": "adaptive"})
    forced = {"tool_choice": {"type": "any"}, "temperature": 0.5}
    assert forced | {"model": OLD} == sent(OLD, **forced, **ADAPTIVE)
    assert "thinking" not in sent(OLD, messages=[CALL], **ADAPTIVE)
    assert "thinking" in sent(NEW, messages=[CALL], **ADAPTIVE)
    assert "thinking" not in sent(NEW, messages=[CALL], thinking={"type": "enabled", "budget_tokens": 2000})
    assert 1999 == sent(OLD, max_tokens=2000, thinking={"type": "adaptive"})["thinking"]["budget_tokens"]


def test_a_schema_is_kept() -> None:
    """It stands beside the effort, which an older model does not know."""
    config = {"effort": "low", "format": {"type": "json_schema"}}
    assert {"format": config["format"]} == sent(OLD, thinking={"type": "adaptive"}, output_config=config)[
        "output_config"
    ]


def test_otherwise_only_the_name_changes() -> None:
    """The provider's for the model."""
    members = {"temperature": 0.5, "thinking": {"type": "disabled"}}
    assert members | {"model": OLD} == sent(OLD, **members)


def test_the_backend() -> None:
    """Sends the key in Anthropic's own header, asks for a version, and repeats the key to nobody."""
    cloud = Cloud()
    endpoint = cloud.attach(Profile("p", (VARIANT,)), VARIANT).endpoint
    assert (KEY, "2023-06-01") == (endpoint.headers["x-api-key"], endpoint.headers["anthropic-version"])
    assert "Authorization" not in endpoint.headers
    assert "https://api.anthropic.com/v1/messages" == endpoint.url + endpoint.speaks[Dialect.ANTHROPIC_MESSAGES]
    assert {"model": NEW, "stream": True} == dict(
        cloud.adapt(endpoint, RequestDocument.of({"model": "a", "stream": True})) or {}
    )
    assert KEY not in cloud.judged(endpoint, RequestError(f"what is {KEY}?", code="x")).message
