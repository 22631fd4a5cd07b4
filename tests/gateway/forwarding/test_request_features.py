"""Rules are told what a request says, how long it is, and from whom it comes."""

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.registry import client_dialect
from hostd.domain.errors import RequestError
from hostd.gateway.forwarding.request_features import features_of

_TOOLS = '"tools": [{"type": "function", "function": {"name": "f"}}]'


def test_a_request_is_described_by_what_it_holds() -> None:
    """Its last words, about four bytes a token, tools, client, session and metadata as texts."""
    body = f'{{"model": "m", "messages": [{{"role": "user", "content": "do it"}}], {_TOOLS}, "metadata": {{"n": 1}}}}'.encode()
    inference = client_dialect(Dialect.OPENAI_CHAT).parse(body)
    features = features_of(inference, {"X-Hostd-Session": "s"}, "aider", private=True)
    assert ("do it", True, False, True, "aider", "s", {"n": "1"}) == (
        features.said,
        features.tools,
        features.pictures,
        features.private,
        features.client,
        features.session,
        features.metadata,
    )
    assert 0 < features.tokens < len(body)
    assert features.when.tzinfo is not None


def test_a_message_that_cannot_be_read_is_the_clients_mistake() -> None:
    """As it would be later on."""
    inference = client_dialect(Dialect.OPENAI_CHAT).parse(
        b'{"model": "m", "messages": [{"role": "user", "content": 1e999}]}'
    )
    with pytest.raises(RequestError):
        features_of(inference, {}, None, private=False)
