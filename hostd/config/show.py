"""Settings as plain data in the files' own words, for `hostd config show`; nothing secret is in it."""

from collections.abc import Mapping
from typing import Any

from hostd.config.validators import Secret
from hostd.domain.profile import FallbackRule, Limits, Profile, Settings, Variant, WarmSettings
from hostd.domain.reason import FallbackReason
from hostd.domain.schedule import format_clock, format_days
from hostd.domain.units import format_duration, format_size

MASK = "***"


def show(settings: Settings) -> dict[str, Any]:
    """Return *settings* as data for JSON: durations as text, keys masked, text from the environment as its reference."""
    shown = {
        "source": settings.source,
        "server": {"listen": list(settings.listen)},
        "memory": {"reserve": {kind: format_size(size) for kind, size in _fields(settings.reserve).items()}},
        "backends": {backend: {"command": list(command)} for backend, command in settings.commands.items()},
        "roles": {
            name: {"use": list(role.use), "require": list(role.require)} for name, role in settings.roles.items()
        },
        "profiles": {name: _profile(profile) for name, profile in settings.profiles.items()},
        "notes": list(settings.notes),
    }
    return {key: _plain(value) for key, value in shown.items()}


def _profile(profile: Profile) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": profile.name,
        "aliases": list(profile.aliases),
        "variants": [_variant(variant) for variant in profile.variants],
        "context": profile.context,
        "slots": profile.slots,
        "kv_type": profile.kv_type,
        "args": dict(profile.args),
        "warm": _warmth(profile.warm),
        "limits": _limits(profile.limits),
        "fallback": [_fallback(fallback) for fallback in profile.fallback],
        "capabilities": _fields(profile.capabilities),
        "privacy": profile.privacy.value,
        "price": {"input": profile.price_input, "output": profile.price_output},
    }
    return {key: value for key, value in shown.items() if value is not None}


def _fields(noun: Any) -> dict[str, Any]:
    return {name: value for name in noun.__slots__ if (value := getattr(noun, name)) is not None}


def _variant(variant: Variant) -> dict[str, Any]:
    return _fields(variant) | ({"api_key": MASK} if variant.api_key is not None else {})


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        name: format_duration(value) if name.endswith("timeout") else value for name, value in _fields(limits).items()
    }


def _warmth(warm: WarmSettings) -> dict[str, Any]:
    windows = [
        {"days": format_days(window.days), "from": format_clock(window.start), "to": format_clock(window.end)}
        for window in warm.windows
    ]
    return _fields(warm) | {"keep_alive": format_duration(warm.keep_alive), "windows": windows}


def _fallback(fallback: FallbackRule) -> dict[str, Any]:
    return {"to": fallback.to, "on": [reason.value for reason in FallbackReason if reason in fallback.on]}


def _plain(value: Any) -> Any:
    """Return *value* with every text from the environment replaced by the reference that the owner wrote."""
    if isinstance(value, Secret):
        return value.reference
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
