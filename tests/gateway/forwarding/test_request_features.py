"""Rules are told what a request says, how long it is, and from whom it comes."""

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.registry import client_dialect
from hostd.domain.errors import RequestError
from hostd.domain.principal import ANONYMOUS, Principal
from hostd.domain.profile import Role
from hostd.gateway.forwarding.request_features import features_of

_TOOLS = '"tools": [{"type": "function", "function": {"name": "f"}}]'

_ROLE = Role("auto", ("a",))


def test_a_request_is_described_by_what_it_holds() -> None:
    """Its last words, about four bytes a token, tools, client and metadata as texts."""
    body = f'{{"model": "m", "messages": [{{"role": "user", "content": "do it"}}], {_TOOLS}, "metadata": {{"n": 1}}}}'.encode()
    inference = client_dialect(Dialect.OPENAI_CHAT).parse(body)
    features = features_of(inference, {"X-Hostd-Session": "s"}, Principal("aider"), _ROLE, private=True)
    assert ("do it", True, False, True, "aider", {"n": "1"}) == (
        features.said,
        features.tools,
        features.pictures,
        features.private,
        features.client,
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
        features_of(inference, {}, ANONYMOUS, _ROLE, private=False)


def test_a_conversation_is_told_by_its_beginning() -> None:
    """Each client's for itself; a session may have several. Where rules alone choose, only one with tools is told."""

    def session(role: Role, who: Principal, *said: str, name: str = "", tools: str = '"tools": []') -> str | None:
        messages = ", ".join(f'{{"role": "user", "content": "{each}"}}' for each in said)
        inference = client_dialect(Dialect.OPENAI_CHAT).parse(
            f'{{"model": "m", "messages": [{messages}], {tools}}}'.encode()
        )
        return features_of(inference, {"X-Hostd-Session": name}, who, role, private=False).session

    choosing = Role("auto", ("a",), suffices={"a": {"any": 3}})
    first = session(choosing, ANONYMOUS, "one")
    assert first == session(choosing, ANONYMOUS, "one", "two")
    assert len({first, None, session(choosing, ANONYMOUS, "two"), session(choosing, Principal("b"), "one")}) == 4
    named = session(choosing, ANONYMOUS, "one", name="s")
    assert named == session(choosing, ANONYMOUS, "one", "two", name="s")
    assert len({first, named, session(choosing, ANONYMOUS, "a title for this", name="s")}) == 3
    assert session(_ROLE, ANONYMOUS, "one", name="s") is None
    assert named == session(_ROLE, ANONYMOUS, "one", name="s", tools=_TOOLS)
    assert first == session(_ROLE, ANONYMOUS, "one", tools=_TOOLS)
