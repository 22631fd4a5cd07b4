"""Parser from YAML text to plain data with the position of every key and value.

The parser's events are read directly rather than composed, so that hostile text (deep nesting, aliases that multiply) is
refused before it costs memory or time. Plain scalars follow YAML 1.2: in YAML 1.1 an unquoted ``on`` is a boolean and ``08:30``
is a number, which owners do not mean.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH = 32
MAX_NODES = 20_000

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


class Position(NamedTuple):
    """Position in a file; both numbers count from 1."""

    line: int
    column: int


START = Position(1, 1)


class ConfigIssue(NamedTuple):
    """Mistake in a file and its position."""

    message: str
    at: Position


class YamlMapping(dict[str, Any]):
    """Mapping of a file with the positions of its keys and values."""

    def __init__(self, at: Position = START) -> None:
        super().__init__()
        self.at = at
        self.keys_at: dict[str, Position] = {}
        self.values_at: dict[str, Position] = {}


class YamlSequence(list[Any]):
    """List of a file with the positions of its items."""

    def __init__(self, at: Position = START) -> None:
        super().__init__()
        self.at = at
        self.values_at: list[Position] = []


class YamlError(Exception):
    """Text that cannot be read as YAML at all."""

    def __init__(self, message: str, at: Position) -> None:
        super().__init__(message)
        self.complaint = ConfigIssue(message, at)


def parse(text: str) -> tuple[Any, list[ConfigIssue]]:
    """Return the data in *text* (None if it is empty), made of `YamlMapping`, `YamlSequence` and scalars, and its issues.

    Raises:
        YamlError: The text is not YAML, or exceeds `MAX_DEPTH` or `MAX_NODES`.
    """
    if bad := _FORBIDDEN.search(text):
        raise YamlError(
            f"the character U+{ord(bad[0]):04X} may not appear in YAML; remove it", place_of(text, bad.start())
        )
    builder = _Builder(yaml.parse(text, Loader=LOADER))
    try:
        return builder.document(), builder.complaints
    except yaml.MarkedYAMLError as error:
        raise _translated(error, text) from None


def place_of(text: str, index: int) -> Position:
    """Return the position of the character at *index* of *text*."""
    line_start = text.rfind("\n", 0, index) + 1
    return Position(text.count("\n", 0, index) + 1, index - line_start + 1)


def _translated(error: yaml.MarkedYAMLError, text: str) -> YamlError:
    mark = error.problem_mark or error.context_mark
    at = Position(mark.line + 1, mark.column + 1) if mark else START
    lines = text.splitlines()
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "\t" in line[: at.column]:
        return YamlError("a tab cannot indent YAML; use spaces", at)
    context = f" ({error.context})" if error.context else ""
    return YamlError(f"this is no valid YAML: {error.problem}{context}", at)


class _Builder:
    """Builder of one document from the parser's events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.complaints: list[ConfigIssue] = []
        self._events = events
        self._anchors: dict[str, tuple[Any, int]] = {}

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlError("a second document begins here; keep one document per file", _at(event))
                value, _ = self._node(next(self._events), depth=0)
        return value

    def _node(self, event: Any, depth: int) -> tuple[Any, int]:
        """Return a node's data and its number of nodes with all aliases expanded."""
        if depth > MAX_DEPTH:
            raise YamlError(f"this nests more than {MAX_DEPTH} levels deep; no key of hostd needs that", _at(event))
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(f"'*{event.anchor}' refers to nothing that is complete before it", _at(event))
            return self._anchors[event.anchor]
        if event.tag is not None:
            self.complaints.append(ConfigIssue(f"the tag '{event.tag}' has no meaning here; remove it", _at(event)))
        node = self._collection(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: Any, depth: int) -> tuple[Any, int]:
        if isinstance(event, yaml.MappingStartEvent):
            value, size = self._table(event, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value, size = self._row(event, depth)
        else:
            value, size = (_scalar(event.value) if event.implicit[0] else event.value), 1
        if size > MAX_NODES:
            raise YamlError(f"this holds more than {MAX_NODES} values once its aliases are written out", _at(event))
        return value, size

    def _row(self, start: Any, depth: int) -> tuple[Any, int]:
        row, size = YamlSequence(_at(start)), 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            value, nodes = self._node(event, depth + 1)
            row.append(value)
            row.values_at.append(_at(event))
            size += nodes
        return row, size

    def _table(self, start: Any, depth: int) -> tuple[Any, int]:
        table, size = YamlMapping(_at(start)), 1
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            plain = isinstance(key, yaml.ScalarEvent)
            if not plain:
                self.complaints.append(ConfigIssue("a key must be a single word", _at(key)))
                self._node(key, depth + 1)
            event = next(self._events)
            value, nodes = self._node(event, depth + 1)
            size += nodes
            if plain:
                self._put(table, key, value, _at(event))
        return table, size

    def _put(self, table: YamlMapping, key: Any, value: Any, at: Position) -> None:
        if key.value in table:
            first = table.keys_at[key.value].line
            message = f"the key '{key.value}' is written twice; the first is on line {first}; keep one of them"
            self.complaints.append(ConfigIssue(message, _at(key)))
            return
        table[key.value] = value
        table.keys_at[key.value] = _at(key)
        table.values_at[key.value] = at


def _at(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar by YAML 1.2's core schema, without octal, hexadecimal and infinite numbers."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
