"""Errors are copied before they are raised, and lose nothing by it."""

import copy

from hostd.backends.http.errors import ConnectError, ConnectionLostError


def test_a_copy_says_the_same() -> None:
    """Message, staleness and the system's number stay; the traceback does not."""
    lost, refused = copy.copy(ConnectionLostError("gone", stale=True)), copy.copy(ConnectError("no", number=111))
    assert ("gone", True, "no", 111) == (str(lost), lost.stale, str(refused), refused.number)
    assert lost.__traceback__ is None
