"""Members of a request that must have a certain shape, or are refused by their name."""

import math
from typing import Any

from hostd.domain.errors import RequestError

Json = dict[str, Any]


def bad(where: str, what: str) -> RequestError:
    """Return the error for a member *where* that is not *what* it must be."""
    return RequestError(f"'{where}' must be {what}", code="bad_request", param=where)


def optional_text(value: object, where: str) -> str:
    """Return *value* as text; nothing is empty.

    Raises:
        RequestError: It is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad(where, "a text")
    return value


def optional_object(value: object, where: str) -> Json:
    """Return *value* as an object; nothing is empty.

    Raises:
        RequestError: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad(where, "an object")
    return value


def objects(value: object, where: str) -> list[Json]:
    """Return *value* as a list of objects; nothing is empty.

    Raises:
        RequestError: It is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise bad(where, "a list of objects")
    return value


def whole_number(value: object) -> int | None:
    """Return *value* where it is a number without a fraction, else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def finite_number(value: object) -> float | None:
    """Return *value* where it is a number that a float can hold, else None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
