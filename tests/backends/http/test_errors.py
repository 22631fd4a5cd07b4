"""Errors are copied before they are raised, and lose nothing by it."""

import copy

from hostd.backends.http.errors import ConnectionLostError


def test_a_copy_says_the_same() -> None:
    """Message and staleness stay; the traceback does not."""
    lost = copy.copy(ConnectionLostError("gone", stale=True))
    assert ("gone", True, None) == (str(lost), lost.stale, lost.__traceback__)
