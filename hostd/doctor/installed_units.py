"""The systemd units by which hostd is installed here, as far as checks ask about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hostd.doctor.context import CheckContext
from hostd.service.systemd import SERVICE, SYSTEM_UNITS, user_units

_SYSTEM = (str(SYSTEM_UNITS), "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
_TRUE = frozenset({"1", "yes", "true", "on"})


@dataclass(frozen=True, slots=True)
class InstalledUnit:
    """A unit file with its drop-ins; *values* are all values of each key of ``[Service]``, in order.

    *user_unit* tells the manager of a user from the system's.
    """

    path: str
    user_unit: bool
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def last(self, key: str) -> str:
        """Return the value in force of *key*, "" where it is not set."""
        return next(reversed(self.values.get(key, ())), "")

    def is_on(self, key: str) -> bool:
        """Return whether the switch *key* is on."""
        return self.last(key).lower() in _TRUE

    def words(self, key: str) -> set[str]:
        """Return the words of all values of *key*."""
        return {word for value in self.values.get(key, ()) for word in value.split()}


def user_unit(context: CheckContext) -> InstalledUnit | None:
    """Return the unit of the user's own manager, None where none is installed."""
    return _unit([user_units(context.environ, context.home)], by_user=True)


def system_unit(context: CheckContext) -> InstalledUnit | None:
    """Return the unit of the system's manager, None where none is installed."""
    return _unit([context.system(folder) for folder in _SYSTEM], by_user=False)


def _unit(folders: Sequence[Path], *, by_user: bool) -> InstalledUnit | None:
    for folder in folders:
        file = folder / SERVICE
        if file.is_file():
            dropped = sorted(path for each in folders for path in (each / f"{SERVICE}.d").glob("*.conf"))
            values: dict[str, list[str]] = {}
            for each in (file, *dropped):
                _read(each, values)
            return InstalledUnit(str(file), by_user, values)
    return None


def _read(file: Path, values: dict[str, list[str]]) -> None:
    """Add the settings of ``[Service]`` in *file* to *values*; an empty one forgets those before it, as systemd does."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    section = ""
    for line in map(str.strip, lines):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            if value.strip():
                values.setdefault(key.strip(), []).append(value.strip())
            else:
                values.pop(key.strip(), None)
