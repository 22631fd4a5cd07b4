"""Engines that somebody else's package adds; their names are known without loading anything of them."""

from importlib.metadata import entry_points

GROUP = "hostd.backends"


def registered() -> tuple[str, ...]:
    """Return the names under which installed packages register engines."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))
