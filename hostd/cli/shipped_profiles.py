"""The profiles that ship with hostd, for models that the owner has not declared."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from types import MappingProxyType

from hostd.config.load import load
from hostd.config.locate import PROFILES
from hostd.domain.profile import Profile, Settings
from hostd.models.open import shipped_profiles


def shipped(names: Collection[str] | None = None) -> list[Profile]:
    """Return the shipped profiles of these names, all of them without; names that none has are passed over."""
    files = {path.stem: path for path in shipped_profiles().glob("*.yaml")}
    if names is None:
        return _loaded(files.values())
    # A profile is valid beside its fallbacks only, and all files would take 60 ms. A name too many does no harm.
    read, waiting = dict[str, Path](), files.keys() & names
    while waiting:
        name = waiting.pop()
        read[name] = files[name]
        text = files[name].read_text("utf-8")
        waiting |= {other for other in files.keys() - read.keys() if other in text}
    return [profile for profile in _loaded(read.values()) if profile.name in names]


def with_shipped(settings: Settings, names: Collection[str]) -> tuple[Settings, list[str]]:
    """Return *settings* with a shipped profile for each of *names* that the owner has not declared, and which these are.

    Those that are not asked for stay out: a shipped profile that wants to be preloaded is no model of this machine.
    """
    known = {*settings.profiles, *(alias for profile in settings.profiles.values() for alias in profile.aliases)}
    wanted = set(names) - known
    if not wanted:
        return settings, []
    added = {profile.name: profile for profile in shipped(wanted)}
    return replace(settings, profiles=MappingProxyType({**settings.profiles, **added})), sorted(added)


def _loaded(files: Iterable[Path]) -> list[Profile]:
    """Return what the files declare, read as an owner's are."""
    with TemporaryDirectory() as folder:
        profiles = Path(folder) / PROFILES
        profiles.mkdir()
        for file in sorted(files):
            copy(file, profiles)
        host_file = profiles.with_name("hostd.yaml")
        host_file.touch()
        return list(load(host_file, {}).profiles.values())
