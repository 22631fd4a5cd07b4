"""Loading of settings: every file is read and checked before the first error is raised, so that all are reported."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from hostd.config import to_settings
from hostd.config.consistency import compare
from hostd.config.document import Document
from hostd.config.host_file import HostFile
from hostd.config.locate import PROFILES, locate, profile_files, user_file
from hostd.config.profile_file import ProfileFile
from hostd.config.server_values import why_open
from hostd.config.unimplemented import profile_notes
from hostd.config.validators import InvalidValue, shown, text
from hostd.config.yaml_positions import START
from hostd.domain.errors import ConfigError
from hostd.domain.machine_costs import MachineSettings
from hostd.domain.profile import Settings
from hostd.domain.server_settings import GuardrailSettings, StateSettings, TraceContentSettings


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in *path*, or in the first `hostd.yaml` that is found, and in the profiles' files.

    Without any `hostd.yaml` the defaults hold, and profiles come from the folder next to where the user's would be.

    Raises:
        ConfigError: A file has mistakes; the error has all problems of all files.
    """
    source = locate(path, environ)
    host = Document(source or user_file(environ), environ, exists=source is not None)
    checked_host = host.checked(HostFile)
    profiles = [Document(file, environ) for file in _files(host)]
    checked = [(doc, doc.checked(ProfileFile)) for doc in profiles]
    compare(host, profiles)
    if checked_host is not None:
        _check_open(host, checked_host)
    problems = [problem for doc in (host, *profiles) for problem in doc.problems]
    if problems or checked_host is None:
        raise ConfigError(tuple(problems))
    built = [to_settings.profile(shape, doc.file.parent, checked_host) for doc, shape in checked if shape is not None]
    return Settings(
        source=str(source.absolute()) if source else None,
        folder=_folder(host)[0],
        listen=tuple(checked_host.server.listen),
        server=to_settings.server(checked_host),
        state=StateSettings(**checked_host.state.written()),
        privacy=to_settings.privacy(checked_host),
        keys=to_settings.keys(checked_host, host.file.parent),
        profiles=MappingProxyType(
            {profile.name: to_settings.with_draft(profile, {each.name: each for each in built}) for profile in built}
        ),
        roles=to_settings.roles(checked_host),
        commands=to_settings.commands(checked_host, host.file.parent),
        engines=to_settings.engines(checked_host),
        guardrails=GuardrailSettings(**checked_host.guardrails.written()),
        traces=TraceContentSettings(**checked_host.traces.written()),
        budgets=to_settings.budgets(checked_host),
        machine=MachineSettings(**checked_host.machine.written()),
        reserve=to_settings.reserve(checked_host),
        kv_disk=checked_host.kv.disk,
        card_wait=to_settings.card_wait(checked_host),
        notes=tuple(note for doc in profiles for note in profile_notes(doc)),
    )


def _check_open(host: Document, checked: HostFile) -> None:
    """Report addresses that other machines reach while no client needs a key."""
    if checked.keys.file is None:
        for why in filter(None, map(why_open, checked.server.listen)):
            host.report(f"server.listen: {why}", host.root["server"].values_at["listen"])


def _files(host: Document) -> list[Path]:
    """Return the profiles' files; a folder that `hostd.yaml` names must exist."""
    folder, named = _folder(host)
    try:
        return profile_files(Path(folder))
    except OSError as error:
        if named or not isinstance(error, FileNotFoundError):
            at = host.root.values_at["profiles"] if named else START
            host.report(
                f"the folder {shown(folder)} cannot be read: {error.strerror}; create it, or change 'profiles'", at
            )
        return []


def _folder(host: Document) -> tuple[str, str | None]:
    """Return the folder with the profiles' files, and how `hostd.yaml` names it, None where it does not."""
    try:
        named = text(host.root.get("profiles"))
    except InvalidValue:
        named = None
    return to_settings.below(host.file.parent, named or PROFILES), named
