"""Examples in rules: texts that need a package of their own to be compared."""

import importlib.util
from typing import Annotated

from hostd.config import validators
from hostd.config.field_types import FieldType


def _example(value: object) -> str:
    example = validators.text(value)
    if importlib.util.find_spec("wordllama") is None:
        raise validators.InvalidValue(
            "examples are compared by the package wordllama, which is missing; pip install 'hostd[semantic]'"
        )
    return example


Example = Annotated[str, FieldType(_example, {"type": "string"})]
