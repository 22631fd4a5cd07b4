"""How two settings differ, key by key, in the words of the files."""

from collections.abc import Iterator, Mapping
from typing import Any

from hostd.config.show import show
from hostd.domain.catalog import ProfileChanges
from hostd.domain.profile import HOSTS_OWN, Settings
from hostd.domain.secret import MASK
from hostd.domain.settings_changes import SettingChange, TakesEffect

_RESTART = frozenset({"state", "kv"})
_NOT_SETTINGS = ("source", "notes", "profiles")

_Path = tuple[str, ...]


def difference(before: Settings, after: Settings) -> tuple[SettingChange, ...]:
    """Return the settings whose values differ, in the order of the files; of profiles, those of the ones that both have."""
    old, new = show(before), show(after)
    shared = (name for name in after.profiles if name in before.profiles)
    plain = ({key: value for key, value in each.items() if key not in _NOT_SETTINGS} for each in (old, new))
    changes = [*_compared(*map(_flat, plain))]
    changed = frozenset(ProfileChanges.between(before.profiles, after.profiles).changed)
    for name in shared:
        under: _Path = ("profiles", name)
        found = [*_compared(_flat(old["profiles"][name], under), _flat(new["profiles"][name], under))]
        if not found and name in changed:
            # Nothing but a masked value differs.
            found = [SettingChange(".".join(under), MASK, MASK, TakesEffect.IDLE)]
        changes += found
    return tuple(changes)


def _compared(old: Mapping[_Path, Any], new: Mapping[_Path, Any]) -> Iterator[SettingChange]:
    for path in {**old, **new}:
        before, after = old.get(path), new.get(path)
        if before != after:
            if "env" in path:
                before, after = (value if value is None else MASK for value in (before, after))
            yield SettingChange(".".join(path), before, after, _takes(path, after))


def _takes(path: _Path, after: Any) -> TakesEffect:
    if path[0] in _RESTART or (path == ("keys", "file") and after is None):
        return TakesEffect.RESTART
    engines = path[0] == "backends" or (path[0] == "profiles" and path[2] not in HOSTS_OWN)
    return TakesEffect.IDLE if engines else TakesEffect.NOW


def _flat(value: Any, path: _Path = ()) -> dict[_Path, Any]:
    """Return the values inside *value* by their keys; lists stay whole."""
    if not isinstance(value, Mapping):
        return {path: value}
    return {key: item for word, inner in value.items() for key, item in _flat(inner, (*path, str(word))).items()}
