"""The way in. A bare ``--version`` is answered here, before anything that costs time to import."""

import sys

from hostd import __version__


def main() -> int:
    """Run the command line on `sys.argv`; return its exit code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"hostd {__version__}\n")
        return 0
    from hostd.cli.app import run  # noqa: PLC0415 - costs 0.1 s, which the line above does without

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
