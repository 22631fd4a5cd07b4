"""Search for the configuration files: `hostd.yaml` in four places, and the profiles' files in their folder."""

import os
from collections.abc import Mapping
from pathlib import Path

from hostd.domain.errors import ConfigError, Problem

SYSTEM = Path("/etc/hostd/hostd.yaml")
PROFILES = "model_profiles"


def locate(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the `hostd.yaml` to use: *explicit*, ``HOSTD_CONFIG``, the user's, the system's; None if there is none.

    Raises:
        ConfigError: A file that was asked for by name, one of the first two, does not exist.
    """
    if explicit is not None:
        return _existing(explicit, "--config")
    if named := environ.get("HOSTD_CONFIG"):
        return _existing(Path(named), "HOSTD_CONFIG")
    return next((path for path in (user_file(environ), SYSTEM) if os.path.lexists(path)), None)


def _existing(path: Path, asked_by: str) -> Path:
    if not os.path.lexists(path):
        raise ConfigError((Problem(f"there is no such file; create it, or change {asked_by}", str(path)),))
    return path


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where the user's own `hostd.yaml` is or would be."""
    folder = environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification says to ignore a relative folder.
    return (Path(folder) if folder.startswith("/") else Path.home() / ".config") / "hostd" / "hostd.yaml"


def profile_files(folder: Path) -> list[Path]:
    """Return the profiles' files in *folder*, by name: ``*.yaml`` and ``*.yml``, neither hidden nor folders.

    A broken link is among them, so that it is reported.

    Raises:
        OSError: The folder cannot be read.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml")
        and not path.name.startswith(".")
        and (path.is_file() or (path.is_symlink() and not path.exists()))
    )
