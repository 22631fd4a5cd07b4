"""The configuration reference: every key of `hostd.yaml` and of a profile, from the JSON schema that checks them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hostd.config.schema import schema

Definitions = Mapping[str, Any]


def markdown() -> str:
    """Return one table for each of the two files: key, what it may hold, default, meaning."""
    definitions = schema()["$defs"]
    parts = []
    for title, name in (("`hostd.yaml`", "HostFile"), ("A profile, `model_profiles/NAME.yaml`", "ProfileFile")):
        rows = "\n".join(_rows(definitions[name], definitions, ""))
        parts.append(
            f"## {title}\n\n{definitions[name]['description']}\n\n| key | value | default | meaning |\n|---|---|---|---|\n{rows}"
        )
    return "\n\n".join(parts)


def _rows(shape: Mapping[str, Any], definitions: Definitions, above: str) -> Iterator[str]:
    required = shape.get("required", ())
    for key, described in shape["properties"].items():
        name, inner = f"{above}{key}", _section(described, definitions)
        default = "**required**" if key in required else _default(described)
        meaning = described.get("description") or (inner or {}).get("description", "")
        yield f"| `{name}` | {_value(described, definitions)} | {default} | {_cell(meaning)} |"
        if inner is not None:
            suffix = "" if _is_section(described) else "[]" if "items" in described else ".NAME"
            yield from _rows(inner, definitions, f"{name}{suffix}.")
        for variant in _variants(described, definitions):
            backend = variant["properties"]["backend"].get("const", "NAME")
            yield from _rows(variant, definitions, f"{name}[{backend}].")


def _reference(described: Mapping[str, Any]) -> str | None:
    for each in (described, *described.get("allOf", ()), *described.get("anyOf", ())):
        if "$ref" in each:
            return str(each["$ref"]).rsplit("/", 1)[-1]
    return None


def _is_section(described: Mapping[str, Any]) -> bool:
    return _reference(described) is not None


def _section(described: Mapping[str, Any], definitions: Definitions) -> Mapping[str, Any] | None:
    """Return the section that a key holds, alone, in a list, or by name."""
    for each in (described, described.get("items", {}), described.get("additionalProperties") or {}):
        if isinstance(each, Mapping) and (name := _reference(each)) is not None and "oneOf" not in each:
            return definitions[name] if "properties" in definitions[name] else None
    return None


def _variants(described: Mapping[str, Any], definitions: Definitions) -> list[Mapping[str, Any]]:
    kinds = described.get("items", {}).get("oneOf", ())
    return [definitions[str(kind["$ref"]).rsplit("/", 1)[-1]] for kind in kinds]


def _value(described: Mapping[str, Any], definitions: Definitions) -> str:
    if "items" in described:
        return f"list of {_value(described['items'], definitions)}" if not _variants(described, definitions) else "list"
    if "const" in described:
        return f"`{described['const']}`"
    if "enum" in described:
        return ", ".join(f"`{_plain(value)}`" for value in described["enum"])
    if "anyOf" in described:
        kinds = [_value(each, definitions) for each in described["anyOf"] if not _is_environment(each)]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in described or "additionalProperties" in described:
        return "mapping"
    if "examples" in described:
        return "such as " + ", ".join(f"`{example}`" for example in described["examples"])
    kind = described.get("type", "any")
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "object": "mapping",
    }
    return " or ".join(words.get(each, each) for each in ([kind] if isinstance(kind, str) else kind))


def _is_environment(described: Mapping[str, Any]) -> bool:
    return "env:" in str(described.get("pattern", ""))


def _default(described: Mapping[str, Any]) -> str:
    default = described.get("default")
    return "" if default in (None, {}, []) else f"`{_plain(default)}`"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
