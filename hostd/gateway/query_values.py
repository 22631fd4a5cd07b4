"""What the owner's routes are told by a query: a value that makes no sense is refused, since a guess at it could do something."""

from collections.abc import Mapping

from hostd.domain.errors import RequestError
from hostd.gateway.http.origin_check import shown

FLAGS = {"1": True, "0": False, "true": True, "false": False}
_LONGEST = 9
"""Digits of a count."""


def flag(query: Mapping[str, str], key: str, *, default: bool = False) -> bool:
    """Return what *query* says under *key*: ``1`` or ``0``.

    Raises:
        RequestError: It says something else.
    """
    given = query.get(key)
    if given is None:
        return default
    try:
        return FLAGS[given]
    except KeyError:
        raise RequestError(f"{key}={shown(given)}: write 1 or 0", code="bad_request", param=key) from None


def count(query: Mapping[str, str], key: str, default: int, *, all_of: int | None = None) -> int:
    """Return the number that *query* says under *key*; ``all`` is *all_of*, where there is such a number.

    Raises:
        RequestError: It says something else.
    """
    given = query.get(key)
    if given is None:
        return default
    if given == "all" and all_of is not None:
        return all_of
    if not (given.isascii() and given.isdigit() and len(given) <= _LONGEST):
        hint = ", or all" if all_of is not None else ""
        raise RequestError(
            f"{key}={shown(given)}: write how many to tell, such as 20{hint}", code="bad_request", param=key
        )
    return int(given)
