"""Whether a value is what a JSON schema asks for, as far as clients' schemas for structured answers and tools usually go.

A keyword that is not looked at is taken to hold: patterns and formats, since a client's expression may take as long as it likes,
and the rarer ones (``contains``, ``if``, ``dependentSchemas``). So a value is refused only for what is certain; no reference is
followed outside of the schema. Source: https://json-schema.org/draft/2020-12/json-schema-validation.
"""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import TypeGuard

MOST_LOOKS = 20_000
"""Schemas that are held against values for one verdict; a client's may nest alternatives in alternatives."""
_DEEPEST = 64

_Schema = Mapping[str, object]


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


_COMBINING = frozenset({"allOf", "anyOf", "oneOf", "not"})
_BOUNDS: Mapping[str, Callable[[float, float], bool]] = {
    "minimum": ge,
    "maximum": le,
    "exclusiveMinimum": gt,
    "exclusiveMaximum": lt,
}
_KINDS: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": _is_integer,
}


class _Undecided(Exception):
    """The schema takes too long, or makes no sense."""


def misfit(value: object, schema: object) -> str | None:
    """Return where and how *value* is not what *schema* asks for, such as ``$.age is no integer``; None where it fits.

    Values are not shown: an answer may hold what is private.
    """
    try:
        return _Fit(schema).misfit(value, schema, "$", 0)
    except _Undecided:
        return None


class _Fit:
    """One verdict; counts what it has looked at."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._looks = 0

    def misfit(self, value: object, schema: object, at: str, depth: int) -> str | None:
        self._looks += 1
        if self._looks > MOST_LOOKS or depth > _DEEPEST:
            raise _Undecided
        if schema is False:
            return f"{at} is not allowed"
        if not isinstance(schema, dict):
            return None
        if "$ref" in schema and (why := self._referred(value, schema, at, depth)) is not None:
            return why
        if (why := _plain(value, schema, at)) is not None:
            return why
        if not schema.keys().isdisjoint(_COMBINING) and (why := self._combined(value, schema, at, depth)) is not None:
            return why
        if isinstance(value, dict):
            return self._members(value, schema, at, depth)
        return self._items(value, schema, at, depth) if isinstance(value, list) else None

    def _referred(self, value: object, schema: _Schema, at: str, depth: int) -> str | None:
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return None
        return self.misfit(value, self._find(reference), at, depth + 1)

    def _find(self, reference: str) -> object:
        """Return the part of the schema at *reference*, a JSON pointer (RFC 6901)."""
        if not reference.startswith("#") or (reference != "#" and not reference.startswith("#/")):
            raise _Undecided
        found = self._root
        for word in reference[2:].split("/") if len(reference) > 1 else ():
            name = word.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise _Undecided
            found = found[name]
        return found

    def _combined(self, value: object, schema: _Schema, at: str, depth: int) -> str | None:
        for each in _listed(schema, "allOf"):
            if (why := self.misfit(value, each, at, depth + 1)) is not None:
                return why
        for word, most in (("anyOf", None), ("oneOf", 1)):
            choices = _listed(schema, word)
            fits = sum(self.misfit(value, each, at, depth + 1) is None for each in choices)
            if choices and (not fits or (most is not None and fits > most)):
                return f"{at} is not what {word} asks for"
        if "not" in schema and self.misfit(value, schema["not"], at, depth + 1) is None:
            return f"{at} is what must not be"
        return None

    def _members(self, value: _Schema, schema: _Schema, at: str, depth: int) -> str | None:
        for name in _listed(schema, "required"):
            if isinstance(name, str) and name not in value:
                return f"{at} lacks {_shown(name)}"
        if (why := _counted(len(value), schema, "Properties", at)) is not None:
            return why
        declared = schema.get("properties")
        properties = declared if isinstance(declared, dict) else {}
        others = {} if "patternProperties" in schema else schema.get("additionalProperties", {})
        for name, member in value.items():
            known = name in properties
            if others is False and not known:
                return f"{at} has the member {_shown(name)}, which is not allowed"
            why = self.misfit(member, properties[name] if known else others, f"{at}.{_shown(name)}", depth + 1)
            if why is not None:
                return why
        return None

    def _items(self, value: list[object], schema: _Schema, at: str, depth: int) -> str | None:
        if (why := _counted(len(value), schema, "Items", at)) is not None:
            return why
        first = _listed(schema, "prefixItems")
        rest = schema.get("items", {})
        for number, item in enumerate(value):
            wanted = first[number] if number < len(first) else rest
            if (why := self.misfit(item, wanted, f"{at}[{number}]", depth + 1)) is not None:
                return why
        return None


def _plain(value: object, schema: _Schema, at: str) -> str | None:
    """Return how *value* itself is not what *schema* asks for, whatever is in it."""
    wanted = schema.get("type")
    kinds = [wanted] if isinstance(wanted, str) else [each for each in _listed(schema, "type") if isinstance(each, str)]
    if kinds and all(each in _KINDS for each in kinds) and not any(_KINDS[each](value) for each in kinds):
        return f"{at} is no {' or '.join(kinds)}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{at} is not the value that it has to be"
    if (choices := _listed(schema, "enum")) and not any(_same(value, each) for each in choices):
        return f"{at} is none of the values that it may be"
    if isinstance(value, str):
        return _counted(len(value), schema, "Length", at)
    return _bounded(value, schema, at) if _is_number(value) else None


def _bounded(value: float, schema: _Schema, at: str) -> str | None:
    for word, holds in _BOUNDS.items():
        limit = schema.get(word)
        if _is_number(limit) and not holds(value, limit):
            return f"{at} is not within its {word}"
    return None


def _counted(count: int, schema: _Schema, of: str, at: str) -> str | None:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    if _is_number(least) and count < least:
        return f"{at} has fewer than min{of} asks for"
    if _is_number(most) and count > most:
        return f"{at} has more than max{of} allows"
    return None


def _same(one: object, other: object) -> bool:
    """Return whether two JSON values are equal: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(one == other)


def _listed(schema: _Schema, word: str) -> list[object]:
    found = schema.get(word)
    return found if isinstance(found, list) else []


def _shown(name: str) -> str:
    return name if name.isidentifier() and len(name) <= 64 else "a member of an odd name"
