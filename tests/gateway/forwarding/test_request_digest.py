"""Digests of requests."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.gateway.forwarding.request_digest import digest_of

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "grammar": 'root ::= "a"'}


def _digest(body: dict[str, Any]) -> str:
    parsed = registry.client_dialect(Dialect.OPENAI_CHAT).parse(json.dumps(body).encode())
    return digest_of(parsed)


@pytest.mark.parametrize("more", [{}, {"model": "other"}, {"stream": True}, {"user": "somebody"}])
def test_the_same_prompt_is_the_same_request(more: dict[str, Any]) -> None:
    """To whatever model it is sent, and however it is to be answered."""
    assert _digest(BODY) == _digest(BODY | more)


@pytest.mark.parametrize("more", [{"grammar": 'root ::= "b"'}, {"max_tokens": 1}, {"messages": []}])
def test_any_other_change_makes_another_request(more: dict[str, Any]) -> None:
    """A client that changed what may have crashed the engine is let in again."""
    assert _digest(BODY) != _digest(BODY | more)


def test_nothing_can_be_read_from_a_digest() -> None:
    """It is 16 bytes, whatever it is made of."""
    assert 32 == len(_digest(BODY | {"messages": [{"role": "user", "content": "x" * 100_000}]}))


def test_a_long_conversation_is_known_by_its_ends() -> None:
    """Hashing 30 MiB would hold up all other requests; a conversation that goes on has another end."""
    long = [{"role": "user", "content": "x" * 2_000_000}]
    same, more = _digest(BODY | {"messages": long}), [*long, {"role": "user", "content": "y"}]
    assert same == _digest(BODY | {"messages": long, "stream": True})
    assert same != _digest(BODY | {"messages": more})
    assert same != _digest(BODY | {"messages": [{"role": "user", "content": "x" * 2_000_001}]})
