"""The demonstration that hostd carries with it: two tiny models, three profiles, one settings file."""

from pathlib import Path


def settings_file() -> Path:
    """Return the built-in hostd.yaml; its profiles and models lie beside it."""
    return Path(__file__).with_name("hostd.yaml")
