"""Engines that other packages add, under the entry-point group ``hostd.backends``.

An entry point leads to whatever makes a backend (see `hostd.backends.contract`): its class, or a function. It is called with the
command that the owner configured under ``backends.NAME.command``, an empty tuple for none, or with nothing if it takes nothing.

    [project.entry-points."hostd.backends"]
    tenth = "tenth_engine:Tenth"
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import EntryPoint, entry_points

from hostd.backends.contract import Backend

GROUP = "hostd.backends"
_MEMBERS = ("accepts", "launch", "classify", "decoded", "adapt")


def plugged(
    commands: Mapping[str, tuple[str, ...]], taken: Collection[str]
) -> tuple[dict[str, Backend], tuple[str, ...]]:
    """Return the backends that other packages add, by name, and a sentence on each that cannot be used.

    *taken* are names that are not to be had. Runs the code of those packages; whatever that raises is one of the sentences.
    """
    found: dict[str, Backend] = {}
    troubles = []
    for point in entry_points(group=GROUP):
        if point.name in taken or point.name in found:
            why: str | None = "another engine has that name already"
        else:
            why = _add(point, commands.get(point.name, ()), found)
        if why is not None:
            owner = point.dist.name if point.dist is not None else point.value
            troubles.append(
                f"the engine '{point.name}' of {owner} is left out: {why}; update that package, or remove it"
            )
    return found, tuple(troubles)


def _add(point: EntryPoint, command: tuple[str, ...], found: dict[str, Backend]) -> str | None:
    """Add what *point* makes to *found*; return why not."""
    try:
        maker: Callable[..., Backend] = point.load()
        backend = maker(command) if inspect.signature(maker).parameters else maker()
        missing = [name for name in _MEMBERS if not callable(getattr(backend, name, None))]
        named = backend.name
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may not keep the house from opening
        return f"{type(error).__name__}: {error}"
    if missing:
        return f"it has no {', '.join(missing)}"
    if named != point.name:
        return f"it calls itself '{named}'"
    found[point.name] = backend
    return None
