"""Answers of a model that can do what its script says and no more: call tools, follow a schema, think, see."""

import base64
import json
import zlib
from collections.abc import Collection
from typing import Any

Json = dict[str, Any]


def message(body: Json, able: Collection[str]) -> Json | None:
    """Return the message that answers *body* where *able* has a part in it, else None: words will do.

    Of tools, a model may be able to call them (``tools``), several at once (``parallel_tools``) or where it is forced
    (``forced_tools``), or write a call into its text (``tools_as_text``).
    """
    said: Json = {"role": "assistant", "content": None}
    if "thinking" in able:
        said["reasoning_content"] = "Let me see."
    if body.get("tools"):
        forced = body.get("tool_choice") == "required"
        if ("forced_tools" if forced else "tools") in able:
            count = 2 if body.get("parallel_tool_calls") and "parallel_tools" in able else 1
            return said | {"tool_calls": [_call(body["tools"][0], number) for number in range(count)]}
        if "tools_as_text" in able:
            function = _call(body["tools"][0], 0)["function"]
            call = {"name": function["name"], "arguments": json.loads(function["arguments"])}
            return said | {"content": f"```json\n{json.dumps(call)}\n```"}
    if "json_schema" in able and (schema := (body.get("response_format") or {}).get("json_schema")):
        return said | {"content": json.dumps(_instance(schema["schema"]))}
    if "vision" in able and (colour := _colour(body)):
        return said | {"content": f"It is {colour}."}
    return said | {"content": "As you like."} if "thinking" in able else None


def _call(tool: Json, number: int) -> Json:
    function = tool["function"]
    arguments = dict.fromkeys(function["parameters"]["properties"], f"value {number}")
    call = {"name": function["name"], "arguments": json.dumps(arguments)}
    return {"index": number, "id": f"call_{number}", "type": "function", "function": call}


def _instance(schema: Json) -> Any:
    if schema["type"] == "object":
        return {name: _instance(each) for name, each in schema["properties"].items()}
    return schema["enum"][0] if "enum" in schema else True


def _colour(body: Json) -> str:
    """Return the colour of the first point of a picture in *body*; empty where there is no picture."""
    for said in body.get("messages", ()):
        for part in said["content"] if isinstance(said["content"], list) else ():
            if part["type"] == "image_url":
                data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
                at = data.index(b"IDAT")
                size = int.from_bytes(data[at - 4 : at], "big")
                red = zlib.decompress(data[at + 4 : at + 4 + size])[1]
                return "yellow" if red > 127 else "green"
    return ""
