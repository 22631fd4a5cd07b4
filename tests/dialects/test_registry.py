"""Each dialect is found by its path, and between two dialects stands what translates them."""

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.openai.dialect import PATHS


@pytest.mark.parametrize(("dialect", "path"), PATHS.items())
def test_finds_a_dialect_by_its_path(dialect: Dialect, path: str) -> None:
    """Clients say by the path which one they speak."""
    assert dialect is registry.PATHS[path] is registry.dialect_of(path)
    assert dialect is registry.client_dialect(dialect).parse(b'{"model": "m"}').dialect


def test_errors_elsewhere_are_openais() -> None:
    """A path that no dialect has still needs a shape for its errors."""
    assert Dialect.OPENAI_CHAT is registry.dialect_of("/nothing")


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1/messages/nothing", {}), ("/v1/models/m", {"anthropic-version": "1"}), ("/v1/models", {"x-api-key": "k"})],
)
def test_errors_of_anthropics_clients(path: str, headers: dict[str, str]) -> None:
    """Have its shape below its own path, and wherever the headers are its own."""
    assert Dialect.ANTHROPIC_MESSAGES is registry.dialect_of(path, headers)
    assert Dialect.OPENAI_CHAT is registry.dialect_of("/v1/chat/completions", headers)


@pytest.mark.parametrize("dialect", PATHS)
def test_the_same_dialect_needs_no_translation(dialect: Dialect) -> None:
    """The client's own document is what the upstream is asked."""
    found = registry.translation(dialect, PATHS)
    assert found is not None
    assert dialect is found.spoken
    request = registry.client_dialect(dialect).parse(b'{"model": "m"}')
    assert request.document is found.request(request)


def test_some_upstreams_cannot_be_asked() -> None:
    """One that has no route for a request, nor for anything that it can be translated to."""
    assert registry.translation(Dialect.OPENAI_EMBEDDINGS, [Dialect.OPENAI_CHAT]) is None
    assert registry.translation(Dialect.OPENAI_CHAT, []) is None


def test_an_upstream_of_the_clients_own_dialect_is_asked_in_it() -> None:
    """Not by way of a chat completion, although that would be possible."""
    messages = Dialect.ANTHROPIC_MESSAGES
    for spoken in ([messages], [Dialect.OPENAI_CHAT, messages]):
        found = registry.translation(messages, spoken)
        assert found is not None
        assert messages is found.spoken
    assert Dialect.OPENAI_CHAT is getattr(registry.translation(messages, [Dialect.OPENAI_CHAT]), "spoken", None)
