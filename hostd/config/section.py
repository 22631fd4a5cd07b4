"""Base class of all sections of a file: a closed set of keys, each with its meaning and its default."""

import re
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from hostd.config.validators import hint
from hostd.config.yaml_positions import ConfigIssue, YamlMapping


def key(meaning: str, default: Any = None) -> Any:
    """Return an optional key that holds one value; the default None stands for "not written"."""
    return Field(default=default, description=meaning)


def keys(meaning: str) -> Any:
    """Return an optional key that holds a mapping, empty by default."""
    return Field(default_factory=dict, description=meaning)


def items(meaning: str) -> Any:
    """Return an optional key that holds a list, empty by default."""
    return Field(default_factory=list, description=meaning)


class Section(BaseModel):
    """A mapping with a closed set of keys.

    Unknown keys are reported at their position (into the validation context, a list of `ConfigIssue`) and then left out, so
    that they hide no other mistake. A key without a value counts as not written.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        # A section that is part of another is then built once, with it: half the time of the import.
        defer_build=True,
        validate_default=True,
        model_title_generator=lambda kind: re.sub("(Section|Variant)$", "", kind.__name__),
    )

    @model_validator(mode="before")
    @classmethod
    def _written(cls, data: object, info: ValidationInfo) -> object:
        if not isinstance(data, YamlMapping):
            return {} if data is None else data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        known |= {word for word in data.keys() - known if cls.takes(word)}
        unknown = data.keys() - known
        complaints = cast("list[ConfigIssue]", info.context)
        complaints += [ConfigIssue(cls.about_unknown(word, sorted(known)), data.keys_at[word]) for word in unknown]
        return {word: value for word, value in data.items() if word in known and value is not None}

    @classmethod
    def takes(cls, word: str) -> bool:
        """Return whether *word* is a key without a field of its own; subclasses override it."""
        del word
        return False

    def written(self) -> dict[str, Any]:
        """Return the keys that the owner wrote, with their values."""
        return {word: getattr(self, word) for word in type(self).model_fields if word in self.model_fields_set}

    @classmethod
    def about_unknown(cls, word: str, known: list[str]) -> str:
        """Return the message for a *word* that is not one of the *known* keys."""
        return f"unknown key '{word}'; {hint(word, known)}"


def long_form(value: object, key: str, short: type) -> object:
    """Return the long form of a *value* that was written in its *short* form."""
    if not isinstance(value, short):
        return value
    table = YamlMapping()
    table[key] = value
    return table
