"""What was pulled is found by its reference; what is not whole is not."""

from pathlib import Path

import pytest

from hostd.domain.profile import Variant
from hostd.models.download.pull import carry_out
from hostd.models.errors import ModelUnreadable
from hostd.models.installed import find_installed
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, OllamaReference, variant_reference
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub
from tests.models.pulling import CONTENT, FILE, Recorder, ordered, stores


def pulled(hub: Hub, tmp_path: Path, text: str, *, projector: bool | None = None) -> ModelLocations:
    """Pull what *text* names, and return the locations where it is now; the hub is gone after that."""
    locations = stores(hub, tmp_path)
    carry_out(ordered(text, locations, projector=projector), locations, Recorder())
    hub.seen.clear()
    return locations


def reference_of(variant: Variant) -> HubReference | OllamaReference:
    """Return where a variant's weights are."""
    reference = variant_reference(variant)
    assert isinstance(reference, HubReference | OllamaReference)
    return reference


def test_a_variant_with_a_file(hub: Hub, tmp_path: Path) -> None:
    """Its file, and its projector if that came along."""
    hub.files = {"m.gguf": CONTENT, "n.gguf": CONTENT, "mmproj-F16.gguf": CONTENT[:99]}
    reference = reference_of(Variant("llamacpp", hf=REPO, file="m.gguf"))
    assert find_installed(reference, stores(hub, tmp_path)) is None
    found = find_installed(reference, pulled(hub, tmp_path, FILE))
    assert found is not None
    assert (CONTENT, None) == (found.path.read_bytes(), found.projector)
    found = find_installed(reference, pulled(hub, tmp_path, FILE, projector=True))
    assert found is not None
    assert found.projector is not None
    assert CONTENT[:99] == found.projector.read_bytes()
    assert find_installed(HubReference(REPO, "n.gguf"), stores(hub, tmp_path)) is None
    assert [] == hub.seen


def test_a_variant_with_a_repository(hub: Hub, tmp_path: Path) -> None:
    """A checkpoint is its folder; without one of its shards it is not here."""
    hub.files = weights.checkpoint_files(2)
    reference = reference_of(Variant("vllm", hf=REPO))
    locations = pulled(hub, tmp_path, f"hf:{REPO}")
    found = find_installed(reference, locations)
    assert found is not None
    assert ("config.json" in {path.name for path in found.path.iterdir()}, COMMIT) == (True, found.path.name)
    (found.path / "model-00002-of-00002.safetensors").resolve().unlink()
    assert find_installed(reference, locations) is None


def test_a_split_model_is_here_with_its_last_part(hub: Hub, tmp_path: Path) -> None:
    """The first part is what an engine is told."""
    names = [f"q/m-0000{part}-of-00002.gguf" for part in (1, 2)]
    hub.files = dict(zip(names, (CONTENT, CONTENT[::-1]), strict=True))
    locations = pulled(hub, tmp_path, f"hf:{REPO}/{names[1]}")
    found = find_installed(HubReference(REPO, names[1]), locations)
    assert found is not None
    assert "m-00001-of-00002.gguf" == found.path.name
    (found.path.parent / "m-00002-of-00002.gguf").unlink()
    assert find_installed(HubReference(REPO, names[0]), locations) is None


def test_a_tag(hub: Hub, tmp_path: Path) -> None:
    """The blob with the weights, and the store that an Ollama must be given; not without every blob."""
    hub.add_model("q", "9b", model=CONTENT, projector=CONTENT[:99], template=b"t")
    reference = reference_of(Variant("ollama", tag="q:9b"))
    locations = pulled(hub, tmp_path, "ollama:q:9b")
    found = find_installed(reference, locations)
    assert found is not None
    assert found.projector is not None
    assert (CONTENT, CONTENT[:99]) == (found.path.read_bytes(), found.projector.read_bytes())
    assert tmp_path / "ollama" == found.store
    found.projector.write_bytes(b"cut")
    assert find_installed(reference, locations) is None


def test_what_was_pulled_at_an_older_commit_is_still_good(hub: Hub, tmp_path: Path) -> None:
    """A later pull of something else moves the branch; a commit that is named is meant exactly."""
    hub.files = {"m.gguf": CONTENT}
    locations = pulled(hub, tmp_path, FILE)
    home = locations.hub_cache / f"models--{REPO.replace('/', '--')}"
    (home / "snapshots" / ("f" * 40)).mkdir()
    (home / "refs" / "main").write_text("f" * 40)
    found = find_installed(HubReference(REPO, "m.gguf"), locations)
    assert found is not None
    assert COMMIT == found.path.parent.name
    assert find_installed(HubReference(REPO, "m.gguf", "f" * 40), locations) is None


def test_a_broken_manifest_is_a_sentence(hub: Hub, tmp_path: Path) -> None:
    """It is there and cannot be used."""
    locations = stores(hub, tmp_path)
    path = tmp_path / "ollama/manifests/registry.ollama.ai/library/q/9b"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(ModelUnreadable, match="is no manifest"):
        find_installed(OllamaReference("q", "9b"), locations)
