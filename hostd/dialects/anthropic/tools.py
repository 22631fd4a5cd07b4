"""Tools, and the choice between them, as OpenAI and Anthropic write them.

What a client may vary between two turns without meaning anything (cache marks, streaming hints) is left out, so that equal lists
are written alike and the engine finds the prompt in its KV cache.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]

_NO_PARAMETERS: Json = {"type": "object", "properties": {}}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_CHOICES_BACK = {word: name for name, word in _CHOICES.items()}


class ToolChoice(NamedTuple):
    """*choice* as the dialect writes it, None where nothing is said; *parallel* is None where that is not said."""

    choice: Any = None
    parallel: bool | None = None


def functions_of(tools: Iterable[Any], loaded: Sequence[str]) -> list[Json]:
    """Return Anthropic's *tools* as OpenAI's; a deferred one only if it is among those that the conversation has *loaded*.

    Loaded ones come last, in the order in which they were loaded, so that what the engine has read of the others stays as it was.
    Tools that Anthropic runs itself have no schema, and are left out.
    """
    usable = [tool for tool in tools if isinstance(tool, dict) and isinstance(tool.get("input_schema"), dict)]
    deferred = {str(tool.get("name")): tool for tool in usable if tool.get("defer_loading")}
    present = [tool for tool in usable if not tool.get("defer_loading")]
    present += [deferred[name] for name in dict.fromkeys(loaded) if name in deferred]
    return [_function(tool) for tool in present]


def _function(tool: Json) -> Json:
    function: Json = {"name": tool.get("name")}
    if tool.get("description"):
        function["description"] = tool["description"]
    function["parameters"] = tool["input_schema"]
    if tool.get("strict"):
        function["strict"] = True
    return {"type": "function", "function": function}


def tools_of(functions: Iterable[Any]) -> list[Json]:
    """Return OpenAI's tools, or its older *functions*, as Anthropic's; other kinds of tools are left out."""
    found = []
    for each in functions:
        function = each.get("function", each if "type" not in each else None) if isinstance(each, dict) else None
        if not isinstance(function, dict) or not function.get("name"):
            continue
        tool: Json = {"name": function["name"]}
        if function.get("description"):
            tool["description"] = function["description"]
        tool["input_schema"] = _object_schema(function.get("parameters"))
        if function.get("strict"):
            tool["strict"] = True
        found.append(tool)
    return found


def _object_schema(parameters: Any) -> Json:
    """Return the schema of a tool's input, which Anthropic wants to be an object's."""
    if not isinstance(parameters, dict) or not parameters:
        return dict(_NO_PARAMETERS)
    return parameters if parameters.get("type") == "object" else {**parameters, "type": "object"}


def openai_choice(choice: Any) -> ToolChoice:
    """Return Anthropic's ``tool_choice`` as OpenAI's."""
    if not isinstance(choice, dict):
        return ToolChoice()
    parallel = False if choice.get("disable_parallel_tool_use") else None
    if choice.get("type") == "tool":
        return ToolChoice({"type": "function", "function": {"name": choice.get("name")}}, parallel)
    return ToolChoice(_CHOICES.get(str(choice.get("type"))), parallel)


def anthropic_choice(choice: Any, parallel: object) -> Json | None:
    """Return OpenAI's ``tool_choice`` and ``parallel_tool_calls`` as Anthropic's ``tool_choice``; None where nothing is said."""
    found: Json | None = None
    if isinstance(choice, str) and choice in _CHOICES_BACK:
        found = {"type": _CHOICES_BACK[choice]}
    elif isinstance(choice, Mapping):
        named = choice.get("function", choice)
        if isinstance(named, Mapping) and named.get("name"):
            found = {"type": "tool", "name": named["name"]}
    if parallel is False and (found is None or found["type"] != "none"):
        found = {**(found or {"type": "auto"}), "disable_parallel_tool_use": True}
    return found
