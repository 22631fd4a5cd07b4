"""Tools, and the choice between them, both ways."""

import pytest

from hostd.dialects.anthropic.tools import ToolChoice, anthropic_choice, functions_of, openai_choice, tools_of
from tests.dialects.conversations import Json

NAMED = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("choice", "parallel", "back"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ("none", None, {"type": "none"}),
        (NAMED, None, {"type": "tool", "name": "f"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        (NAMED, False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
)
def test_a_choice_there_and_back(choice: object, parallel: bool | None, back: Json) -> None:
    """Means the same."""
    assert back == anthropic_choice(choice, parallel)
    assert ToolChoice(choice, parallel) == openai_choice(back)


def test_one_call_at_a_time_needs_a_choice() -> None:
    """In Anthropic's dialect it is a part of it; where no tool may be called, it says nothing."""
    assert {"type": "auto", "disable_parallel_tool_use": True} == anthropic_choice(None, parallel=False)
    assert {"type": "none"} == anthropic_choice("none", parallel=False)
    assert anthropic_choice(None, parallel=True) is None
    assert ToolChoice() == openai_choice(None)


def test_definitions_there_and_back() -> None:
    """Keep their names, what they are for, and their schemas."""
    tools = [
        {"name": "f", "description": "F.", "input_schema": {"type": "object", "properties": {"a": {}}}, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert tools == tools_of(functions_of(tools, ()))


def test_equal_tools_are_written_alike() -> None:
    """Whatever marks a client varies."""
    tool = {"name": "f", "input_schema": {"type": "object"}}
    marked = {
        "eager_input_streaming": True,
        "input_schema": {"type": "object"},
        "name": "f",
        "cache_control": {"type": "ephemeral"},
    }
    assert str(functions_of([tool], ())) == str(functions_of([marked], ()))


def test_older_and_other_kinds() -> None:
    """OpenAI's older functions are tools; a tool without a schema takes an empty object; what is no function is left out."""
    assert [{"name": "f", "input_schema": {"type": "object", "properties": {}}}] == tools_of(
        [{"name": "f"}, {"type": "custom", "custom": {"name": "c"}}, {"type": "web_search"}, "no"]
    )
    assert [] == functions_of([{"type": "bash_20250124", "name": "bash"}], ())
