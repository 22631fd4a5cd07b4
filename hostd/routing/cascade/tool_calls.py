"""Every tool call names a tool that was offered, with arguments that its schema takes; one that must come has come."""

from hostd.dialects.from_chat.answer import arguments_of
from hostd.routing.cascade.said import Asked, Said
from hostd.routing.cascade.schema_fit import misfit


def failure(asked: Asked, said: Said) -> str | None:
    """Return what is wrong with the calls of the answer; None where nothing is, and where no tools were offered."""
    offered = _offered(asked)
    if not offered:
        return None
    calls = said.answer.piece.calls
    if not calls:
        return "no tool was called, and one had to be" if _must_call(asked) else None
    for call in calls:
        if call.name not in offered:
            return "a tool was called that was not offered"
        arguments = arguments_of(call.arguments)
        if arguments is None:
            return f"the arguments of {call.name} are no JSON object"
        if (why := misfit(arguments, offered[call.name])) is not None:
            return f"the arguments of {call.name} do not fit: {why}"
    return None


def _offered(asked: Asked) -> dict[str, object]:
    """Return the schema of each tool's arguments by the tool's name."""
    tools = asked.get("tools")
    functions = [each.get("function") for each in tools if isinstance(each, dict)] if isinstance(tools, list) else []
    return {
        each["name"]: each.get("parameters")
        for each in functions
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }


def _must_call(asked: Asked) -> bool:
    choice = asked.get("tool_choice")
    return choice == "required" or isinstance(choice, dict)
