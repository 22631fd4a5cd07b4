"""What llama-server is told of thinking."""

from collections.abc import Mapping
from typing import Any

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.llamacpp.thinking import template_control, words
from hostd.domain.thinking import ThinkingControl, ThinkingWish

ENDPOINT = Endpoint("http://e", "m")
OFF = ThinkingWish(think=False)
SWITCHED = ThinkingControl({"enable_thinking": True}, {"enable_thinking": False}, marks=True)
ALWAYS = ThinkingControl({}, None, by_default=True, marks=True)
LEVELLED = ThinkingControl({}, None, {"low": {"reasoning_effort": "low"}}, by_default=True, marks=True)


class Server(HttpClient):
    """A server whose template opens a thought unless it is told not to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    async def document(
        self, url: str, headers: Mapping[str, str], document: Any = None, *, seconds: float = 1.0
    ) -> Any:
        """Return the prompt."""
        del headers, seconds
        assert "http://e/apply-template" == url
        self.asked.append(document)
        return {"prompt": "</think>" if document["chat_template_kwargs"].get("enable_thinking") is False else "<think>"}


async def test_its_template_is_rendered() -> None:
    """As often as is needed, and no token is asked for; a variable of the server's own counts though the text lacks it."""
    server = Server()
    assert ThinkingControl({"enable_thinking": True}, {"enable_thinking": False}, {}, by_default=True) == (
        await template_control(server, ENDPOINT, "{{ messages }}")
    )
    assert 3 == len(server.asked)
    assert all({"messages", "chat_template_kwargs"} == set(each) for each in server.asked)


@pytest.mark.parametrize(
    ("control", "wish", "members", "note"),
    [
        (SWITCHED, OFF, {"chat_template_kwargs": {"enable_thinking": False}}, ""),
        (
            SWITCHED,
            ThinkingWish(think=True, budget=2000),
            {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 2000},
            "",
        ),
        (ALWAYS, OFF, {"thinking_budget_tokens": 1}, ""),
        (LEVELLED, OFF, {"chat_template_kwargs": {"reasoning_effort": "low"}}, "low"),
        (ThinkingControl({}, None, by_default=True), OFF, {}, "on"),
    ],
)
def test_words(control: ThinkingControl, wish: ThinkingWish, members: dict[str, Any], note: str) -> None:
    """A budget bounds the thought, and next to none ends it where the template cannot."""
    said = words(wish, {"reasoning_budget_tokens": 5}, control)
    assert (members, note) == (said.members, said.note)
    assert "reasoning_budget_tokens" in said.without


def test_a_template_that_is_not_known() -> None:
    """The names of most templates are said."""
    said = LlamaCpp().think(ENDPOINT, OFF, {}, None)
    assert {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}} == said.members
