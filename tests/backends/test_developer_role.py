"""Messages of the role ``developer`` become those of ``system``."""

from typing import Any

from hostd.backends.developer_role import with_system_role


def test_developers_become_systems() -> None:
    """All other members and messages stay as they are, odd ones included; the client's own list is not changed."""
    asked: list[Any] = [{"role": "developer", "content": "be brief", "name": "d"}, {"role": "user", "content": "hi"}, 7]
    changed = [{"role": "system", "content": "be brief", "name": "d"}, {"role": "user", "content": "hi"}, 7]
    assert (changed, "developer") == (with_system_role(asked), asked[0]["role"])


def test_other_messages_need_no_copy() -> None:
    """Nor does what is no list of messages."""
    assert [None] * 4 == [with_system_role(each) for each in ([{"role": "system"}], [], None, "developer")]
