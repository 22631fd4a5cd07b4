"""Lists in pages, as Anthropic's clients ask for them: ``limit``, ``after_id``, ``before_id``. Others are shown all at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from hostd.domain.errors import RequestError

MOST = 1000
_DIGITS = 9


def page_of(entries: Sequence[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the page of *entries* that *query* asks for, with its ends and whether more follow in the same direction.

    Beside an id that is none of these entries' there is nothing: a client that goes from page to page comes to an end.

    Raises:
        RequestError: A limit is no number.
    """
    ids = [entry["id"] for entry in entries]
    start, end = 0, len(ids)
    backwards = "before_id" in query
    if backwards:
        end = _place(ids, query["before_id"], missing=0)
    for name in ("after_id", "after"):
        if name in query:
            start = _place(ids, query[name], missing=len(ids)) + 1
    most = _limit(query) if "limit" in query else len(ids)
    shown = entries[max(start, end - most) : end] if backwards else entries[start:end][:most]
    more = len(shown) < max(0, end - start)
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return {"object": "list", "data": list(shown), "has_more": more, **ends}


def _limit(query: Mapping[str, str]) -> int:
    given = query["limit"]
    if not given.isdecimal():
        raise RequestError(f"'limit' must be a whole number from 1 to {MOST}", code="bad_request", param="limit")
    return max(1, min(int(given[:_DIGITS]), MOST))


def _place(ids: Sequence[str], wanted: str, *, missing: int) -> int:
    return ids.index(wanted) if wanted in ids else missing
