"""Lists are shown in pages, forwards and backwards."""

import pytest

from hostd.domain.errors import RequestError
from hostd.gateway.pages import page_of

ENTRIES = [{"id": name} for name in "abcde"]


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "abcde", False),
        ({"limit": "1000"}, "abcde", False),
        ({"limit": "2"}, "ab", True),
        ({"limit": "2", "after_id": "b"}, "cd", True),
        ({"limit": "2", "after_id": "c"}, "de", False),
        ({"after": "d"}, "e", False),
        ({"after_id": "e"}, "", False),
        ({"limit": "2", "before_id": "d"}, "bc", True),
        ({"limit": "3", "before_id": "d"}, "abc", False),
        ({"before_id": "a"}, "", False),
        ({"before_id": "e", "after_id": "a", "limit": "2"}, "cd", True),
        ({"before_id": "a", "after_id": "e"}, "", False),
        ({"limit": "0"}, "a", True),
        ({"after_id": "z"}, "", False),
        ({"before_id": "z", "limit": "2"}, "", False),
        ({"after": ""}, "", False),
    ],
)
def test_a_page(query: dict[str, str], ids: str, more: bool) -> None:
    """Its ends are those of what is shown."""
    page = page_of(ENTRIES, query)
    assert (list(ids), more) == ([entry["id"] for entry in page["data"]], page["has_more"])
    ends = (ids[0], ids[-1]) if ids else (None, None)
    assert ends == (page["first_id"], page["last_id"])


@pytest.mark.parametrize("query", [{"limit": "x"}, {"limit": "-1"}])
def test_what_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    """By its name."""
    with pytest.raises(RequestError) as caught:
        page_of(ENTRIES, query)
    assert caught.value.param in query
