"""How a wish about thinking is written into a request."""

import asyncio
from typing import Any

import pytest

from hostd.backends import thinking
from hostd.backends.thinking import ThinkingWords, by_template, control_of, usual
from hostd.dialects.chat_template import Rendering
from hostd.dialects.request_document import RequestDocument
from hostd.domain.thinking import ThinkingControl, ThinkingWish, Variables

OFF, ON = ThinkingWish(think=False), ThinkingWish(think=True)
SWITCHED = ThinkingControl({"thinking": True}, {"thinking": False})
BOTH = {"enable_thinking": False, "thinking": False}


def written(words: ThinkingWords, **members: Any) -> dict[str, Any]:
    """Return a request with *words*."""
    return dict(words.in_place(RequestDocument.of(members)))


@pytest.mark.parametrize(
    ("wish", "members", "asked"),
    [
        (OFF, {"reasoning_effort": "none"}, {"chat_template_kwargs": {"thinking": False}}),
        (
            OFF,
            {"chat_template_kwargs": {"thinking": True, "today": "x"}},
            {"chat_template_kwargs": {"thinking": False, "today": "x"}},
        ),
        (ON, {"thinking": {"type": "enabled"}, "thinking_budget": 3}, {"chat_template_kwargs": {"thinking": True}}),
        (ON, {"reasoning_effort": "low"}, {"chat_template_kwargs": {"thinking": True}}),
    ],
)
def test_in_the_words_of_a_template(wish: ThinkingWish, members: dict[str, Any], asked: dict[str, Any]) -> None:
    """What the client's words mean is said, and they are not; what else its template is given stays."""
    assert {"model": "m", **asked} == written(by_template(wish, members, SWITCHED), model="m", **members)


def test_a_model_without_thought_is_told_nothing() -> None:
    """Neither in its own words nor in others."""
    members = {"reasoning_effort": "none", "chat_template_kwargs": {"today": "x"}}
    assert {"chat_template_kwargs": {"today": "x"}} == written(by_template(OFF, members, ThinkingControl()), **members)
    assert {} == written(by_template(OFF, {"think": False}, ThinkingControl()), think=False)


@pytest.mark.parametrize(
    ("wish", "members", "asked"),
    [
        (OFF, {"think": False}, {"chat_template_kwargs": BOTH}),
        (OFF, {"reasoning_effort": "none"}, {"reasoning_effort": "none", "chat_template_kwargs": BOTH}),
        (ThinkingWish.of_effort("max"), {"reasoning_effort": "max"}, {"reasoning_effort": "high"}),
        (ThinkingWish.of_effort("low"), {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        (OFF, {"chat_template_kwargs": {"a": 1}}, {"chat_template_kwargs": {"a": 1, **BOTH}}),
    ],
)
def test_to_a_server_of_which_nothing_is_known(
    wish: ThinkingWish, members: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The names of most templates are said beside the client's own words."""
    found = written(usual(wish, members), **members)
    if wish.think:
        asked = {**asked, "chat_template_kwargs": {"enable_thinking": True, "thinking": True}}
    assert asked == found


def test_a_request_that_says_it_already() -> None:
    """Is sent as it is, byte for byte."""
    body = b'{ "model": "m", "chat_template_kwargs": {"thinking": false} }'
    document = RequestDocument.parse(body)
    assert by_template(OFF, document, SWITCHED).in_place(document).encode() is body


async def test_finding_out() -> None:
    """The server is asked for a prompt at a time."""
    asked: list[Variables] = []

    async def render(variables: Variables) -> Rendering:
        asked.append(variables)
        return f"prompt {variables.get('thinking', True)}"

    control = await control_of(render, "{{ thinking }}")
    assert ThinkingControl({"thinking": True}, {"thinking": False}, {}, by_default=True) == control
    assert [{}, {"thinking": True}, {"thinking": False}] == asked


async def test_a_server_that_is_slow_to_render(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not waited for."""
    monkeypatch.setattr(thinking, "_PATIENCE", 0.01)

    async def render(_: Variables) -> Rendering:
        await asyncio.Event().wait()
        return None

    assert await control_of(render, None) is None
