"""What vLLM is told of thinking."""

from collections.abc import Mapping
from typing import Any

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.vllm.engine import Vllm
from hostd.backends.vllm.thinking import template_control, words
from hostd.domain.thinking import ThinkingControl, ThinkingWish

ENDPOINT = Endpoint("http://e", "m")
OFF = ThinkingWish(think=False)
SWITCHED = ThinkingControl({"thinking": True}, {"thinking": False}, {"max": {"reasoning_effort": "max"}})
LEVELLED = ThinkingControl({}, None, {"low": {"reasoning_effort": "low"}, "high": {"reasoning_effort": "high"}})


class Server(HttpClient):
    """A server that renders and tokenises, and tells its tokens as *strings*, too, where it knows how to."""

    def __init__(self, *, strings: bool) -> None:
        super().__init__()
        self.strings = strings
        self.model = ""

    async def document(
        self, url: str, headers: Mapping[str, str], document: Any = None, *, seconds: float = 1.0
    ) -> Any:
        """Return the tokens of a prompt, which ends with an open thought."""
        del headers, seconds
        assert "http://e/tokenize" == url
        self.model = document["model"]
        effort = document["chat_template_kwargs"].get("reasoning_effort", "medium")
        if effort not in ("low", "medium", "high"):
            return None
        tokens = {"tokens": [len(effort), 7, 8]}
        return tokens | ({"token_strs": [effort, "<think>", "\u010a"]} if self.strings else {"token_strs": None})


@pytest.mark.parametrize("strings", [True, False])
async def test_its_template_is_rendered(strings: bool) -> None:
    """And what it refuses is not said."""
    server = Server(strings=strings)
    found = await template_control(server, ENDPOINT)
    assert found is not None
    assert ("m", None, {"low", "medium", "high"}) == (server.model, found.off, set(found.efforts))


async def test_another_server() -> None:
    """One that does not tokenise chats shows nothing."""

    class Other(Server):
        async def document(self, *_: Any, **__: Any) -> Any:
            return {"error": "no such route"}

    assert await template_control(Other(strings=True), ENDPOINT) is None


@pytest.mark.parametrize(
    ("control", "wish", "members"),
    [
        (SWITCHED, OFF, {"chat_template_kwargs": {"thinking": False}}),
        (
            SWITCHED,
            ThinkingWish.of_effort("max"),
            {"chat_template_kwargs": {"thinking": True, "reasoning_effort": "max"}},
        ),
        (LEVELLED, ThinkingWish.of_effort("high"), {"reasoning_effort": "high"}),
        (LEVELLED, OFF, {"reasoning_effort": "low"}),
    ],
)
def test_words(control: ThinkingControl, wish: ThinkingWish, members: dict[str, Any]) -> None:
    """A level that all builds know is a member, any other a variable; a budget in its own word is the client's to set."""
    said = words(wish, {"thinking_token_budget": 5}, control)
    assert members == said.members
    assert ("thinking_token_budget" in said.without, "reasoning" in said.without) == (False, True)


def test_a_template_that_is_not_known() -> None:
    """The names of most templates are said."""
    said = Vllm().think(ENDPOINT, OFF, {}, None)
    assert {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}} == said.members
