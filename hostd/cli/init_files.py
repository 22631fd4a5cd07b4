"""The files that ``hostd init`` writes: for the models that were found, or those of a preset."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hostd.backends.cloud.catalogue import PROVIDERS
from hostd.cli.exits import Code, VerbError
from hostd.config.locate import PROFILES
from hostd.config.starter_files import host_text, profile_text
from hostd.config.starter_roles import CLOUD_MODELS, CloudStart, cloud_profile_text, roles_text, with_cloud
from hostd.config.validators import hint
from hostd.domain.host import Host, Reserve
from hostd.domain.ticket import Task
from hostd.hardware.simulated import preset
from hostd.models.open import shipped_profiles

if TYPE_CHECKING:
    from hostd.cli.init_selection import InitSelection

_ALIKE = 0.08
"""Part by which the memory of two machines of one kind differs at most."""


def files_for_found(selections: Sequence["InitSelection"], cloud: CloudStart | None) -> dict[str, str]:
    """Return the text of each file to write for the models that were found, by its path; empty where there is none."""
    starters = [each.starter for each in selections if each.starter]
    if not starters:
        return {}
    files = {f"{PROFILES}/{each.name}.yaml": profile_text(each) for each in starters}
    taken = {name for each in starters for name in (each.name, *each.aliases)}
    texts = [
        (not each.starter.preload, each.entry.bytes, each.starter.name)
        for each in selections
        if each.starter and each.starter.task is Task.TEXT
    ]
    quick = [name for _, _, name in sorted(texts)]
    able = [name for _, _, name in sorted(texts, key=lambda each: (each[0], -each[1]))]
    return _with_cloud({"hostd.yaml": host_text() + roles_text(quick, able, taken)} | files, cloud)


def files_of_preset(name: str, cloud: CloudStart | None) -> dict[str, str]:
    """Return the text of each file of the preset *name*, by its path.

    Raises:
        VerbError: There is no such preset.
    """
    known = preset_names()
    if name not in known:
        raise VerbError(f"--preset: no preset is called {name!r}; {hint(name, known)}", Code.USAGE)
    folder = shipped_profiles() / "presets" / name
    files = {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.rglob("*.yaml"))}
    return _with_cloud(files, cloud)


def preset_names() -> list[str]:
    """Return the names of the machines that a preset ships for."""
    return sorted(path.parent.name for path in shipped_profiles().glob("presets/*/hostd.yaml"))


def preset_for(host: Host) -> str | None:
    """Return the preset whose machine has as many accelerators of as much memory as *host*; None where there is none."""
    return next((name for name in preset_names() if _alike(host, preset(name, Reserve()))), None)


def _alike(host: Host, other: Host) -> bool:
    pairs = list(zip(host.accelerators, other.accelerators, strict=False))
    return len(pairs) == len(host.accelerators) == len(other.accelerators) > 0 and all(
        ours.kind is theirs.kind and abs(ours.total - theirs.total) <= _ALIKE * theirs.total for ours, theirs in pairs
    )


def cloud_start(
    provider: str | None, key_file: Path | None, environ: Mapping[str, str] = os.environ
) -> CloudStart | None:
    """Return the model of *provider* to begin with, None where none is asked for.

    Raises:
        VerbError: It is not known, or there is no key for it.
    """
    if provider is None:
        if key_file is not None:
            raise VerbError("--key-file: it says nothing without --cloud PROVIDER", Code.USAGE)
        return None
    if provider not in CLOUD_MODELS:
        raise VerbError(
            f"--cloud: no model of {provider!r} is known; {hint(provider, sorted(CLOUD_MODELS))}", Code.USAGE
        )
    variable = PROVIDERS[provider].variable
    if key_file is None and not environ.get(variable):
        raise VerbError(
            f"--cloud: there is no key for {provider} here; put it into {variable}, or into a file that only you can read, and "
            "name that with --key-file",
            Code.USAGE,
        )
    return CloudStart(provider, variable, None if key_file is None else str(key_file.expanduser().absolute()))


def unused_key(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the provider whose key *environ* holds, so that `cloud_start` would find it; None where it holds none."""
    return next((name for name in CLOUD_MODELS if environ.get(PROVIDERS[name].variable)), None)


def _with_cloud(files: dict[str, str], cloud: CloudStart | None) -> dict[str, str]:
    if cloud is None:
        return files
    added = {f"{PROFILES}/{cloud.model}.yaml": cloud_profile_text(cloud)}
    return files | {"hostd.yaml": with_cloud(files["hostd.yaml"], cloud)} | added
