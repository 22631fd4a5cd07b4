"""The difference between the settings in force and those that files say now, as the owner is told of it."""

from dataclasses import dataclass
from enum import StrEnum

from hostd.domain.profile import Settings
from hostd.domain.server_settings import KeySettings

Plain = object
"""Data for JSON."""


class TakesEffect(StrEnum):
    """When a changed setting holds: from now on, once its model is idle (another engine is launched then), or after a restart."""

    NOW = "now"
    IDLE = "idle"
    RESTART = "restart"


def keys_from_now_on(before: Settings, after: Settings) -> KeySettings:
    """Return where the clients' keys are once *after* is in force.

    That clients need none any more takes a restart: connections of the network may be open, which nobody has shown a key on yet.
    """
    return before.keys if after.keys.file is None and before.keys.file is not None else after.keys


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting that differs, by its dotted key; both values as in files, with secrets masked, None where there is none."""

    key: str
    before: Plain
    after: Plain
    takes: TakesEffect


@dataclass(frozen=True, slots=True)
class SettingsRead:
    """Settings as files say them now, and how they differ from those in force; added and removed profiles are not in *changes*."""

    settings: Settings
    changes: tuple[SettingChange, ...] = ()
