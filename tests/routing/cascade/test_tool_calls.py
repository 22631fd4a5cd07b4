"""Answers that call tools."""

import pytest

from hostd.routing.cascade import tool_calls
from hostd.routing.cascade.said import Asked, Said
from tests.routing.cascade.answers import said

TOOLS = {
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"properties": {"n": {"type": "integer"}}}}},
        {"type": "function", "function": {"name": "g"}},
        "no tool",
    ]
}
MUST = TOOLS | {"tool_choice": "required"}
THAT_ONE = TOOLS | {"tool_choice": {"type": "function", "function": {"name": "f"}}}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (TOOLS, said("", ("f", '{"n": "1"}'))),
        (TOOLS, said("", ("f", "[]"))),
        (TOOLS, said("", ("g", "{}"), ("h", "{}"))),
        (MUST, said("No tool is needed.")),
        (THAT_ONE, said("No tool is needed.")),
    ],
)
def test_a_call_that_cannot_be_made(asked: Asked, answer: Said) -> None:
    """Of a tool that was not offered, with arguments that it does not take, or none where one has to be."""
    assert tool_calls.failure(asked, answer)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (TOOLS, said("", ("f", '{"n": 1}'))),
        (TOOLS, said("", ("g", ""))),
        (TOOLS, said("No tool is needed.")),
        ({}, said("Without tools.")),
        ({"tools": "none"}, said("Without tools.")),
    ],
)
def test_what_passes(asked: Asked, answer: Said) -> None:
    """Calls as they were offered, and none where none is needed."""
    assert tool_calls.failure(asked, answer) is None
