"""Weights that are named by their hub."""

from pathlib import Path

import pytest

from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference
from hostd.sizing.variants import draft_reference, resolve_weights, with_draft_file

NAMED = Variant("llamacpp", hf="org/model-GGUF", file="model-Q4_K_M.gguf")


@pytest.fixture
def places(tmp_path: Path) -> ModelLocations:
    """A machine with a hub's cache, empty."""
    return ModelLocations(headers=tmp_path / "headers", hub_cache=tmp_path / "hub")


def pull(places: ModelLocations, variant: Variant) -> Path:
    """Put the file of *variant* where a pull puts it, and return where that is."""
    home, commit = places.hub_cache / f"models--{str(variant.hf).replace('/', '--')}", "a" * 40
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    path = home / "snapshots" / commit / str(variant.file)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF" + bytes(60))
    return path


def test_what_was_pulled_is_found(places: ModelLocations) -> None:
    """From the next load on, and by whatever program it was pulled; the variant keeps its name."""
    with pytest.raises(EngineError, match=r"run: hostd pull hf:org/model-GGUF/model-Q4_K_M\.gguf") as caught:
        resolve_weights(NAMED, places)
    assert ExitClass.MISSING_FILE == caught.value.exit_class
    path = pull(places, NAMED)
    found = resolve_weights(NAMED, places)
    assert (str(path), NAMED.label) == (found.path, found.label)


@pytest.mark.parametrize(
    "variant",
    [
        Variant("llamacpp", path="/m.gguf", hf="org/model-GGUF", file="m.gguf"),
        Variant("mlx", hf="org/model"),
        Variant("vllm", hf="org/model"),
        Variant("ollama", tag="q:9b"),
        Variant("openai", url="http://h/v1"),
    ],
)
def test_what_needs_no_finding_stays_as_it_is(places: ModelLocations, variant: Variant) -> None:
    """A path is taken at its word; MLX and vLLM look for repositories themselves; others have no files."""
    assert variant is resolve_weights(variant, places)


def test_a_name_that_cannot_be_is_no_file(places: ModelLocations) -> None:
    """Nothing outside of the cache is ever named."""
    with pytest.raises(EngineError) as caught:
        resolve_weights(Variant("llamacpp", hf="org/model", file="../../etc/passwd.gguf"), places)
    assert ExitClass.MISSING_FILE == caught.value.exit_class


def test_a_draft_model_is_found_as_weights_are(places: ModelLocations) -> None:
    """By its repository and file, once it has been pulled."""
    profile = Profile("m", (), draft="hf:org/model-GGUF/model-Q4_K_M.gguf")
    assert HubReference("org/model-GGUF", "model-Q4_K_M.gguf") == draft_reference(profile)
    assert profile is with_draft_file(profile, places)
    assert str(pull(places, NAMED)) == with_draft_file(profile, places).draft


@pytest.mark.parametrize("draft", ["auto", "off", "/m/d.gguf"])
def test_any_other_draft_stays_as_it_is(places: ModelLocations, draft: str) -> None:
    """It is a file, or none at all."""
    profile = Profile("m", (), draft=draft)
    assert draft_reference(profile) is None
    assert profile is with_draft_file(profile, places)
