"""First files that the loader takes as they are."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.config.load import load
from hostd.config.starter_files import StarterProfile, host_text, is_writable, profile_text
from hostd.domain.profile import Profile
from hostd.domain.ticket import Task

STARTER = StarterProfile("m", "/models/m.gguf", 8192, 2, preload=True)


def loaded(folder: Path, starter: StarterProfile) -> Profile:
    """Write both files and return the profile that is read back."""
    (folder / "model_profiles").mkdir()
    (folder / "hostd.yaml").write_text(host_text(), "utf-8")
    (folder / "model_profiles/m.yaml").write_text(profile_text(starter), "utf-8")
    settings = load(folder / "hostd.yaml", {})
    assert () == settings.notes
    return settings.profiles[starter.name]


def test_what_was_said_is_read_back(tmp_path: Path) -> None:
    """Every key arrives."""
    said = replace(STARTER, aliases=("q:9b",), task=Task.EMBEDDINGS, gpu_layers=12, about=("one.", "two.\nname: x"))
    profile = loaded(tmp_path, said)
    assert (("q:9b",), 8192, 2, {"n-gpu-layers": 12}) == (
        profile.aliases,
        profile.context,
        profile.slots,
        dict(profile.args),
    )
    assert (True, 1800.0, True) == (profile.warm.preload, profile.warm.keep_alive, profile.capabilities.embeddings)
    assert ("llamacpp", "/models/m.gguf") == (profile.variants[0].backend, profile.variants[0].path)


def test_what_was_not_said_is_not_written() -> None:
    """A plain model's file has only what it needs."""
    assert ["name", "variants", "  - {backend", "context", "slots", "warm"] == [
        line.partition(":")[0] for line in profile_text(STARTER).splitlines()
    ]


@pytest.mark.parametrize("name", ["/a b/it's {odd}, #1.gguf", '/quo"te\\slash.gguf', "/Größe-模型.gguf", "/on"])
def test_odd_paths_survive(tmp_path: Path, name: str) -> None:
    """Whatever a file is called, it is found again."""
    assert is_writable(name)
    assert name == loaded(tmp_path, replace(STARTER, path=name)).variants[0].path


@pytest.mark.parametrize("name", ["1.5", "1e3", "true", "12"])
def test_a_name_stays_text(tmp_path: Path, name: str) -> None:
    """YAML takes no name for a number."""
    assert name == loaded(tmp_path, replace(STARTER, name=name)).name


@pytest.mark.parametrize("path", ["/line\nbreak.gguf", "/\udcff.gguf", "/${env:HOME}.gguf", "/\x85.gguf"])
def test_some_paths_cannot_be_written(path: str) -> None:
    """They would be read as something else, or not at all."""
    assert not is_writable(path)
