"""The way in. A bare ``--version`` is answered here, before anything that costs time to import."""

import gc
import os
import sys

from hostd import __version__

_SHORT = frozenset({"config", "init", "inventory", "ls", "plan", "ps", "queue", "show", "version", "why"})
"""Verbs that answer and end."""


def main() -> int:
    """Run the command line on `sys.argv`; return its exit code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"hostd {__version__}\n")
        return 0
    # hostd has no plugins of pydantic's, and a search for them reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if sys.argv[1:2] != ["serve"]:
        # Imports make many objects and no garbage: looking for some costs a tenth of the time of a short verb.
        if sys.argv[1:2] and sys.argv[1] in _SHORT:
            gc.disable()
        return _command()
    from hostd.daemon_start import run_as_ordered  # noqa: PLC0415 - only this verb needs it

    try:
        return run_as_ordered(_command)
    except KeyboardInterrupt:
        return 130


def _command() -> int:
    from hostd.cli.app import run  # noqa: PLC0415 - costs 0.1 s, which the version does without

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
