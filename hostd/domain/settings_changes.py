"""The difference between the settings in force and those that files say now, as the owner is told of it."""

from dataclasses import dataclass
from enum import StrEnum

from hostd.domain.profile import Settings

Plain = object
"""Data for JSON."""


class TakesEffect(StrEnum):
    """When a changed setting holds: from now on, once its model is idle (another engine is launched then), or after a restart."""

    NOW = "now"
    IDLE = "idle"
    RESTART = "restart"


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
