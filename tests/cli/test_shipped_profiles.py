"""``hostd.cli.shipped_profiles``."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from hostd.cli.shipped_profiles import shipped, with_shipped
from hostd.config.load import load
from tests.cli.models import declare


def test_each_is_the_same_alone(bare_home: Path) -> None:
    """Whatever fallbacks it needs to be valid are read along, and are not returned."""
    everything = shipped()
    assert len(everything) > 20
    assert everything == [alone for profile in everything for alone in shipped([profile.name])]


def test_the_owners_own_comes_first(bare_home: Path) -> None:
    """A declared profile or alias is what the owner means; only what is asked for and not declared is added."""
    declare(bare_home, "qwen3.5-9b", 4)
    settings = load()
    named = replace(settings.profiles["qwen3.5-9b"], aliases=("phi4-14b",))
    settings = replace(settings, profiles=MappingProxyType({named.name: named}))
    merged, added = with_shipped(settings, ["qwen3.5-9b", "phi4-14b", "gemma4-26b", "hf:a/b", "../secret"])
    assert ["gemma4-26b"] == added
    assert {"qwen3.5-9b": named, "gemma4-26b": merged.profiles["gemma4-26b"]} == merged.profiles
    assert with_shipped(settings, ["qwen3.5-9b"]) == (settings, [])
