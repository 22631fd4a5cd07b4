"""Which requests llama-server is asked by its own messages."""

import json
from typing import Any

import pytest

from hostd.backends.contract import Endpoint, ServerFacts
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.llamacpp.native_messages import as_good, has_messages
from hostd.backends.llamacpp.streaming import LONG
from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.thinking import ThinkingControl
from tests.backends.llamacpp.test_system_messages import Server as RenderingServer

HELLO: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
MESSAGES = Dialect.ANTHROPIC_MESSAGES
NEVER = ServerFacts(messages=True, thinking=ThinkingControl(by_default=False))


class Server(RenderingServer):
    """A server that counts *said*, or has no such route."""

    async def document(self, url: str, headers: Any, document: Any = None, *, seconds: float = 1.0) -> Any:
        """Return how many tokens there are."""
        del headers, document, seconds
        assert "http://e/v1/messages/count_tokens" == url
        return self.said


@pytest.mark.parametrize(("said", "has"), [({"input_tokens": 1}, True), (None, False), ({"error": {}}, False)])
async def test_a_build_is_asked(said: Any, has: bool) -> None:
    """Whether it has messages, by the count of a prompt."""
    assert has is await has_messages(Server(said), Endpoint("http://e", "m"))


def asked(dialect: Dialect = MESSAGES, **more: Any) -> Any:
    """Return a request of *dialect*, as it is read."""
    return registry.client_dialect(dialect).parse(json.dumps(HELLO | more).encode())


def test_texts_for_a_model_that_does_not_think() -> None:
    """Are passed on where they are short, or a stop sequence is to be told; chat completions are no messages."""
    long = [{"role": "user", "content": "word " * LONG}]
    assert as_good(asked(), NEVER)
    assert as_good(asked(messages=long, stop_sequences=["."]), NEVER)
    assert not as_good(asked(messages=long), NEVER)
    assert not as_good(asked(tools=[{"name": "f", "input_schema": {}}]), NEVER)
    assert not as_good(asked(Dialect.OPENAI_CHAT), NEVER)


@pytest.mark.parametrize(
    "facts",
    [
        ServerFacts(messages=None, thinking=ThinkingControl(by_default=False)),
        ServerFacts(messages=False, thinking=ThinkingControl(by_default=False)),
        ServerFacts(messages=True),
        ServerFacts(messages=True, thinking=ThinkingControl(marks=True)),
        ServerFacts(messages=True, thinking=ThinkingControl(on={"enable_thinking": True})),
    ],
)
def test_other_servers(facts: ServerFacts) -> None:
    """Have no messages, or a model that may think."""
    assert not as_good(asked(), facts)


def test_what_the_engine_speaks() -> None:
    """Its messages are among its dialects for these requests only; what speaks none never has them."""
    backend = LlamaCpp()
    speaking = Endpoint("http://e", "m", speaks={Dialect.OPENAI_CHAT: "/c", Dialect.ANTHROPIC_TEXT: "/m"})
    assert Dialect.ANTHROPIC_TEXT in backend.spoken(speaking, asked(), NEVER)
    assert Dialect.ANTHROPIC_TEXT not in backend.spoken(speaking, asked(), ServerFacts())
    silent = Endpoint("http://e", "m", speaks={Dialect.OPENAI_CHAT: "/c"})
    assert silent.speaks == backend.spoken(silent, asked(), NEVER)
