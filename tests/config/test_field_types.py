"""The kinds of value as types."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hostd.config import field_types

CASES: list[tuple[Any, list[object], list[object]]] = [
    (field_types.Name, ["qwen3.5-9b", "a/b:c@d+e", "x" * 201], ["", "-a", "a b", "x" * 202, "a*", 7]),
    (field_types.Alias, ["claude-*", "gpt-?", "*", "[ab]c"], ["", "a b", "é"]),
    (field_types.Hub, ["Qwen/Qwen3.5-9B-AWQ"], ["Qwen", "a/b/c", "/b"]),
    (field_types.Duration, ["0s", "500ms", "1h30m"], ["30", "-1s", "9" * 400 + "s", "20000d"]),
    (field_types.Size, ["0B", "24GiB", "1.5 GB"], ["24", "24G", "9" * 400 + "GiB"]),
    (field_types.KvType, ["f16", "iq4_nl"], ["F16", "q8"]),
    (field_types.Why, ["queue_timeout", "status_5xx"], ["timeout"]),
    (field_types.Clock, ["08:30", "24:00"], ["8"]),
    (field_types.FlagName, ["flash-attn", "ub"], ["--flash-attn", "a b"]),
    (field_types.Web, ["http://127.0.0.1:1234/v1"], ["localhost:1"]),
    (field_types.Address, ["127.0.0.1:1", "unix:/x"], ["127.0.0.1"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), CASES)
def test_each_kind_takes_its_own(kind: Any, good: list[object], bad: list[object]) -> None:
    """Good values pass, bad ones are refused as values and never crash the check."""
    adapter = TypeAdapter(kind)
    for value in good:
        adapter.validate_python(value)
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


@pytest.mark.parametrize(("kind", "good"), [case[:2] for case in CASES])
def test_editors_take_what_the_daemon_takes(kind: Any, good: list[object]) -> None:
    """The schema accepts each good value, its own examples, and a reference to the environment."""
    shape, reference = TypeAdapter(kind).json_schema()["anyOf"]
    for value in [*good, *shape.get("examples", [])]:
        assert value in shape["enum"] if "enum" in shape else re.search(shape["pattern"], str(value))
    assert re.search(reference["pattern"], "${env:HOME}")


def test_examples_in_the_schema_are_good() -> None:
    """An editor never suggests what the daemon refuses."""
    for kind, *_ in CASES:
        adapter = TypeAdapter(kind)
        for example in adapter.json_schema()["anyOf"][0].get("examples", []):
            adapter.validate_python(example)


def test_a_number_needs_its_unit() -> None:
    """A bare number is the commonest mistake, so its sentence names the remedy."""
    with pytest.raises(ValidationError, match="30 has no unit; write such as 500ms"):
        TypeAdapter(field_types.Duration).validate_python(30)
