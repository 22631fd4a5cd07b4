"""Ollama's models are found in its stores, or read at the registry in few pieces."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.locations import ModelLocations
from hostd.models.ollama import open_ollama, open_stored, parse_blobs, parse_manifest, stored
from hostd.models.reference import OllamaReference
from tests.models import weights
from tests.models.hub import Hub

MODEL, TOWER = weights.gguf(vocabulary=32_000), weights.gguf(architecture="clip", vocabulary=0)
DIGEST = f"sha256:{'a' * 64}"


def layer(kind: str, digest: object = DIGEST, size: object = 5) -> dict[str, Any]:
    """Return what a manifest says of one layer."""
    return {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest, "size": size}


def put(store: Path, reference: OllamaReference, **layers: bytes) -> None:
    """Put a model into a local store, as its server lays it out."""
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    listed = []
    for kind, content in layers.items():
        digest = hashlib.sha256(content).hexdigest()
        (store / "blobs" / f"sha256-{digest}").write_bytes(content)
        listed.append(layer(kind, f"sha256:{digest}", len(content)))
    path = store / "manifests" / reference.host / reference.namespace / reference.name / reference.tag
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"layers": listed}))


def local(tmp_path: Path) -> ModelLocations:
    """Return locations with a store of its own."""
    return ModelLocations(
        headers=tmp_path / "headers", hub_cache=tmp_path / "hub", ollama_stores=(tmp_path / "none", tmp_path / "o")
    )


def test_a_stored_model_is_its_layers(tmp_path: Path) -> None:
    """Weights, projector and adapters are told apart; the place is the blob."""
    reference = OllamaReference("qwen3.5", "9b")
    put(tmp_path / "o", reference, model=MODEL, projector=TOWER, adapter=b"12345", params=b"{}", template=b"x")
    header = open_ollama(reference, local(tmp_path))
    assert ("qwen3.5:9b", "Ollama's store, qwen3.5:9b", 5, 0) == (
        header.name,
        header.source,
        header.adapter_bytes,
        header.ranges,
    )
    assert header.path is not None
    assert (MODEL, True) == (header.path.read_bytes(), header.projector is not None)


def test_a_store_lists_what_it_holds(tmp_path: Path) -> None:
    """By host, owner, name and tag."""
    references = [OllamaReference("q", "9b"), OllamaReference("m", "Q4", "owner", "hf.co")]
    for reference in references:
        put(tmp_path, reference, model=MODEL)
    assert sorted(map(str, references)) == sorted(map(str, stored(tmp_path)))
    assert [] == list(stored(tmp_path / "none"))


def test_a_model_at_the_registry_costs_a_piece_for_each_file(hub: Hub, tmp_path: Path) -> None:
    """One for the weights and one for the projector; the second time only the manifest is asked for."""
    hub.add_model("q", "9b", model=MODEL, projector=TOWER)
    header = open_ollama(OllamaReference("q", "9b"), hub.locations(tmp_path))
    assert (2, len(MODEL), None) == (header.ranges, header.total_bytes, header.path)
    assert "Ollama's registry, q:9b" == header.source
    hub.seen.clear()
    again = open_ollama(OllamaReference("q", "9b"), hub.locations(tmp_path))
    assert (header.shape, 0, 1) == (again.shape, again.ranges, len(hub.seen))


def test_no_token_goes_to_the_registry(hub: Hub, tmp_path: Path) -> None:
    """The credential of another hub is no business of this one."""
    hub.add_model("q", "9b", model=MODEL)
    open_ollama(OllamaReference("q", "9b"), hub.locations(tmp_path))
    assert not any("authorization" in headers for _, _, headers in hub.seen)


def test_other_hosts_are_not_asked(hub: Hub, tmp_path: Path) -> None:
    """A name may hold any host; only the registry is ever fetched from."""
    with pytest.raises(ModelNotFound, match="is not asked"):
        open_ollama(OllamaReference("m", "Q4", "owner", "hf.co"), hub.locations(tmp_path))
    assert [] == hub.seen


def test_a_model_that_is_nowhere(hub: Hub, tmp_path: Path) -> None:
    """Neither here nor at the registry."""
    with pytest.raises(ModelNotFound, match="check the spelling"):
        open_ollama(OllamaReference("nope"), hub.locations(tmp_path))


def test_a_size_that_the_manifest_denies_is_refused(tmp_path: Path) -> None:
    """A blob that was cut off or exchanged is not the model."""
    reference = OllamaReference("q")
    put(tmp_path, reference, model=MODEL)
    path = next((tmp_path / "manifests").rglob("latest"))
    path.write_text(path.read_text().replace(str(len(MODEL)), str(len(MODEL) + 4096)))
    with pytest.raises(ModelUnreadable, match="pull it again"):
        open_stored(reference, tmp_path)


def test_a_blob_that_is_missing_is_named(tmp_path: Path) -> None:
    """A pull that was broken off leaves a manifest without its blob."""
    reference = OllamaReference("q")
    put(tmp_path, reference, model=MODEL)
    next((tmp_path / "blobs").iterdir()).unlink()
    with pytest.raises(ModelNotFound, match=r"there is no file .*sha256-"):
        open_stored(reference, tmp_path)


@pytest.mark.parametrize(
    "digest", ["sha256:../../etc/passwd", "sha256-" + "a" * 64, f"sha256:{'A' * 64}", f"{DIGEST}\n", 5, None]
)
def test_a_digest_that_is_none_never_becomes_a_path(digest: object) -> None:
    """Nothing but sixty-four hexadecimal digits passes."""
    with pytest.raises(ModelUnreadable, match="which is no digest"):
        parse_manifest(json.dumps({"layers": [layer("model", digest)]}).encode(), "q")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"layers": 5}', b'{"layers": [5]}', b'{"layers": [{}]}', b"[" * 99_999]
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    """Whatever the bytes are, it is a sentence."""
    with pytest.raises(ModelUnreadable, match="is no manifest"):
        parse_manifest(text, "q")


@pytest.mark.parametrize("size", [-1, True, "5", 1.5, None])
def test_a_size_is_a_whole_number(size: object) -> None:
    """Anything else is not planned with."""
    with pytest.raises(ModelUnreadable):
        parse_manifest(json.dumps({"layers": [layer("model", size=size)]}).encode(), "q")


def test_a_model_in_another_format_says_what_it_holds() -> None:
    """Ollama keeps some models as single tensors; those are named otherwise."""
    with pytest.raises(ModelUnreadable, match=r"it holds tensor.*hf:OWNER/NAME"):
        parse_manifest(json.dumps({"layers": [layer("tensor")]}).encode(), "q")


def test_offline_the_last_manifest_counts(hub: Hub, tmp_path: Path) -> None:
    """What was asked for once can be planned without a line."""
    hub.add_model("q", "9b", model=MODEL)
    locations = hub.locations(tmp_path)
    open_ollama(OllamaReference("q", "9b"), locations)
    assert "last time" in open_ollama(OllamaReference("q", "9b"), replace(locations, offline=True)).notes[0]


def test_all_blobs_of_a_manifest_are_its_layers_and_its_configuration() -> None:
    """A manifest without a configuration is no model that a server would run."""
    config = {"mediaType": "x", "digest": f"sha256:{'b' * 64}", "size": 7}
    text = json.dumps({"layers": [layer("model")], "config": config}).encode()
    assert {DIGEST: 5, f"sha256:{'b' * 64}": 7} == parse_blobs(text, "q")
    with pytest.raises(ModelUnreadable, match="is no manifest"):
        parse_blobs(json.dumps({"layers": [layer("model")]}).encode(), "q")
