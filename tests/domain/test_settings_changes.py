"""When a changed setting holds."""

from dataclasses import replace

from hostd.domain.profile import Settings
from hostd.domain.server_settings import KeySettings, LoopbackRule
from hostd.domain.settings_changes import keys_from_now_on


def test_keys_may_come_and_change_but_not_go() -> None:
    """Without a restart, clients that have shown no key yet must not be let in by one that is taken away."""
    none = Settings()
    one, other = (replace(none, keys=KeySettings(name)) for name in ("one.yaml", "other.yaml"))
    opened = replace(none, keys=KeySettings("one.yaml", LoopbackRule.OPEN))
    assert [one.keys, other.keys, opened.keys, none.keys, one.keys] == [
        keys_from_now_on(none, one),
        keys_from_now_on(one, other),
        keys_from_now_on(one, opened),
        keys_from_now_on(none, none),
        keys_from_now_on(one, none),
    ]
