"""One JSON schema for both kinds of file, generated from the classes that check them."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from hostd.config.host_file import HostFile
from hostd.config.profile_file import ProfileFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Described(GenerateJsonSchema):
    """Generator that leaves out null: in the classes it stands for a key that is not written."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return (
            self.generate_inner(schema["schema"])
            if schema.get("default", 0) is None
            else super().default_schema(schema)
        )


def schema() -> dict[str, Any]:
    """Return one JSON schema (draft 2020-12) for both kinds of file: `$defs/HostFile` and `$defs/ProfileFile`."""
    _, document = models_json_schema(
        [(HostFile, "validation"), (ProfileFile, "validation")],
        title="hostd.yaml, or a profile's file",
        schema_generator=_Described,
    )
    # `anyOf` would report both files' keys for every mistake; only a profile has `name` and `variants`.
    profile = {"anyOf": [{"required": ["name"]}, {"required": ["variants"]}]}
    told = {"if": profile, "then": {"$ref": "#/$defs/ProfileFile"}, "else": {"$ref": "#/$defs/HostFile"}}
    return {"$schema": DIALECT, **document, **told}
