"""Requests for messages, as far as routing needs them."""

import json
from typing import Any

import pytest

from hostd.dialects.anthropic.parse import parse
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.errors import RequestError
from hostd.domain.ticket import Requirements

HI = [{"role": "user", "content": "Hi"}]
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
REMOTE = {"type": "image", "source": {"type": "url", "url": "http://e/x.png"}}


def parsed(**members: Any) -> InferenceRequest:
    """Return the request with *members*."""
    return parse(Dialect.ANTHROPIC_MESSAGES, json.dumps({"model": "m", "messages": HI} | members).encode())


def test_what_routing_needs() -> None:
    """The model, whether it streams, tools, and pictures wherever they are."""
    assert ("m", False) == (parsed().model, parsed().stream)
    assert Requirements() == parsed().requirements
    assert parsed(stream=True).stream
    assert parsed(tools=[{"name": "f", "input_schema": {}}]).requirements.tools
    result = {"type": "tool_result", "tool_use_id": "a", "content": [PICTURE]}
    for block in (PICTURE, result):
        assert parsed(messages=[{"role": "user", "content": [block]}]).requirements.vision


def test_what_an_engine_would_fetch() -> None:
    """Is told; what comes with the request is not."""
    assert "http://e/x.png" == parsed(messages=[{"role": "user", "content": [REMOTE]}]).remote_media
    assert parsed(messages=[{"role": "user", "content": [PICTURE]}]).remote_media is None
    inline = {"type": "image", "source": {"type": "url", "url": "data:image/png;base64,AA"}}
    assert parsed(messages=[{"role": "user", "content": [inline]}]).remote_media is None


def test_what_clients_add_is_accepted() -> None:
    """Unknown members, any bound of the answer, and texts that speak of pictures."""
    more = {
        "context_management": {"edits": []},
        "metadata": {"user_id": "u"},
        "max_tokens": 128_000,
        "thinking": {"type": "new"},
    }
    assert "m" == parsed(**more).model
    assert 0 == parsed(max_tokens=0).document["max_tokens"]
    assert not parsed(messages=[{"role": "user", "content": '{"type": "image"}'}]).requirements.vision


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"model": ""}, "model"),
        ({"stream": 1}, "stream"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "no"}, "messages"),
        ({"messages": ["no"]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages.0.role"),
        ({"messages": [{"role": {}, "content": ""}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": 5}]}]},
            "messages.0.content.0.content",
        ),
        ({"system": 5}, "system"),
        ({"tools": {"f": 1}}, "tools"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stop_sequences": ["x"] * 300}, "stop_sequences"),
        ({"output_config": {"format": {"pattern": "(" * 60}}}, "output_config"),
    ],
)
def test_bad_input(members: dict[str, Any], where: str) -> None:
    """Is named with its place."""
    with pytest.raises(RequestError) as raised:
        parsed(**members)
    assert where == raised.value.param
