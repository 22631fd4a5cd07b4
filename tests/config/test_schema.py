"""The JSON schema for editors."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hostd.config.host_file import HostFile
from hostd.config.profile_file import ProfileFile
from hostd.config.schema import DIALECT, schema
from hostd.config.section import Section
from hostd.config.variants import VARIANTS


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(child)


def test_it_is_one_json_document() -> None:
    """It names its dialect, survives JSON, and every reference in it leads somewhere."""
    document = schema()
    assert DIALECT == document["$schema"]
    assert document == json.loads(json.dumps(document))
    references = {node["$ref"] for node in _nodes(document) if "$ref" in node}
    assert references <= {f"#/$defs/{name}" for name in document["$defs"]}


def test_a_profile_is_told_from_a_host_file() -> None:
    """By the keys that every profile has, even while it is being written."""
    document = schema()
    assert {"anyOf": [{"required": ["name"]}, {"required": ["variants"]}]} == document["if"]
    assert ("#/$defs/ProfileFile", "#/$defs/HostFile") == (document["then"]["$ref"], document["else"]["$ref"])


@pytest.mark.parametrize("shape", [HostFile, ProfileFile, *VARIANTS])
def test_it_has_the_keys_that_are_checked(shape: type[Section]) -> None:
    """Each key that the daemon takes, and no other."""
    described = schema()["$defs"][shape.__name__]
    assert {field.alias or name for name, field in shape.model_fields.items()} == set(described["properties"])
    assert described["additionalProperties"] is False


def test_every_key_says_what_it_means() -> None:
    """An editor has something to show for each key, and never offers null."""
    document = schema()
    definitions = document["$defs"]
    for name, definition in definitions.items():
        for key, described in definition.get("properties", {}).items():
            referred = definitions.get(described.get("$ref", "").rpartition("/")[2], described)
            assert "const" in described or "description" in referred, f"{name}.{key}"
    assert not [node for node in _nodes(document) if node.get("type") == "null" or node.get("default", 0) is None]


def test_defaults_are_as_an_owner_writes_them() -> None:
    """Durations have units, and the values of the nouns show through."""
    limits = schema()["$defs"]["LimitsSection"]["properties"]
    assert (2, "10m") == (limits["max_concurrent"]["default"], limits["total_timeout"]["default"])
