"""The demonstration that hostd carries with it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hostd.demo import settings_file

PROFILES = settings_file().parent / "model_profiles"


def profiles() -> dict[str, Any]:
    """Return the demonstration's profiles by their file's name."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(PROFILES.glob("*.yaml"))}


def test_settings_file_names_the_folder_of_the_profiles() -> None:
    """The built-in settings lead to the built-in profiles."""
    settings = yaml.safe_load(settings_file().read_text(encoding="utf-8"))
    expected = PROFILES
    assert expected == settings_file().parent / settings["profiles"]


def test_each_profile_has_the_name_of_its_file() -> None:
    """The three profiles are where their names say."""
    expected = ["tiny-chat", "tiny-embed", "tiny-story"]
    assert expected == list(profiles())
    assert expected == [profile["name"] for profile in profiles().values()]


def test_fallbacks_are_profiles() -> None:
    """No fallback leads nowhere."""
    named = {name for profile in profiles().values() for name in profile.get("fallback", ())}
    assert named <= set(profiles())


@pytest.mark.parametrize("name", ["tiny-chat", "tiny-story", "tiny-embed"])
def test_each_variant_is_a_small_gguf_that_is_shipped(name: str) -> None:
    """Every path leads, from the profile's own folder, to a GGUF of at most 3 MB."""
    for variant in profiles()[name]["variants"]:
        model = Path(PROFILES, variant["path"])
        assert model.is_file()
        assert model.read_bytes()[:4] == b"GGUF"
        assert model.stat().st_size < 3_000_000
