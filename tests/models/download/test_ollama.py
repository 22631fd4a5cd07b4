"""A manifest becomes an order, and the order a model in a store of Ollama's."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.download.ollama import OllamaDownload, blob_path, manifest_path
from hostd.models.download.partial import Checksum
from hostd.models.download.pull import carry_out, missing
from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.ollama import open_ollama
from hostd.models.reference import OllamaReference
from tests.models import weights
from tests.models.hub import Hub
from tests.models.pulling import CONTENT, Onlooker, ordered, stores

MODEL = weights.gguf() + CONTENT
TAG = "ollama:q:9b"


def test_every_blob_comes_by_its_digest(hub: Hub, tmp_path: Path) -> None:
    """Layers and configuration; what is not whole lies where Ollama's server does not clean up."""
    hub.add_model("q", "9b", model=MODEL, template=b"{{ .Prompt }}", license=b"MIT")
    order = ordered(TAG, stores(hub, tmp_path))
    store = tmp_path / "ollama"
    digest = hashlib.sha256(MODEL).hexdigest()
    item = next(item for item in order.items if item.size == len(MODEL))
    assert (4, store / "blobs" / f"sha256-{digest}", Checksum(digest)) == (len(order.items), item.blob, item.checksum)
    assert (item.blob, store) == (order.path, order.folder)
    assert {store / "incomplete"} == {each.partial.parent for each in order.items}


def test_a_pulled_model_is_what_a_server_would_find(hub: Hub, tmp_path: Path) -> None:
    """The manifest is the registry's own, byte for byte, and the store opens."""
    hub.add_model("q", "9b", model=MODEL, template=b"{{ .Prompt }}")
    places = stores(hub, tmp_path)
    carry_out(ordered(TAG, places), places, Onlooker())
    reference = OllamaReference("q", "9b")
    order = ordered(TAG, places)
    assert isinstance(order, OllamaDownload)
    assert order.manifest == manifest_path(tmp_path / "ollama", reference).read_bytes()
    assert tmp_path / "ollama/manifests/registry.ollama.ai/library/q/9b" == manifest_path(
        tmp_path / "ollama", reference
    )
    header = open_ollama(reference, replace(places, offline=True))
    assert (MODEL, len(MODEL)) == (order.path.read_bytes(), header.total_bytes)


def test_a_manifest_is_written_only_over_all_of_its_blobs(hub: Hub, tmp_path: Path) -> None:
    """A server that starts meanwhile removes blobs that no manifest names yet."""
    hub.add_model("q", "9b", model=MODEL)
    places = stores(hub, tmp_path)
    order = ordered(TAG, places)
    carry_out(order, places, Onlooker())
    manifest_path(tmp_path / "ollama", OllamaReference("q", "9b")).unlink()
    blob_path(tmp_path / "ollama", f"sha256:{hashlib.sha256(MODEL).hexdigest()}").unlink()
    with pytest.raises(ModelUnreadable, match="vanished while the rest came"):
        order.seal()
    assert not manifest_path(tmp_path / "ollama", OllamaReference("q", "9b")).exists()


def test_a_blob_with_another_content_than_its_digest_is_refused(hub: Hub, tmp_path: Path) -> None:
    """And so is the model: no manifest is written."""
    hub.add_model("q", "9b", model=MODEL)
    hub.blobs[f"sha256:{hashlib.sha256(MODEL).hexdigest()}"] = MODEL[:-1] + b"?"
    places = stores(hub, tmp_path)
    with pytest.raises(ModelUnreadable, match="another checksum"):
        carry_out(ordered(TAG, places), places, Onlooker())
    assert not (tmp_path / "ollama" / "manifests").exists()


def test_a_manifest_that_names_no_digests_is_refused(hub: Hub, tmp_path: Path) -> None:
    """A digest becomes a path."""
    hub.add_model("q", "9b", model=MODEL)
    hub.manifests["q/9b"]["config"]["digest"] = "sha256:../../../etc/passwd"
    with pytest.raises(ModelUnreadable, match="which is no digest"):
        ordered(TAG, stores(hub, tmp_path))


def test_what_the_registry_does_not_have(hub: Hub, tmp_path: Path) -> None:
    """The sentence says where its tags are listed; other registries are not asked."""
    with pytest.raises(ModelNotFound, match=r"has no q:9b; its tags are listed at https://ollama.com/library/q/tags"):
        ordered(TAG, stores(hub, tmp_path))
    with pytest.raises(ModelNotFound, match=r"registry\.example is not asked"):
        ordered("ollama:registry.example/a/q:9b", stores(hub, tmp_path))
    with pytest.raises(ModelUnreadable, match="OLLAMA_MODELS"):
        ordered(TAG, hub.places(tmp_path))


def test_what_another_store_has_whole_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    """Nothing is written to a service's store, not even a lock; an older state of the tag there does not count."""
    hub.add_model("q", "9b", model=MODEL)
    places = stores(hub, tmp_path)
    other = replace(places, ollama_stores=(tmp_path / "other",))
    carry_out(ordered(TAG, other), other, Onlooker())
    shutil.rmtree(tmp_path / "other" / "incomplete")
    order = ordered(TAG, places)
    carry_out(order, places, Onlooker())
    assert {"blobs", "manifests"} == {path.name for path in (tmp_path / "other").iterdir()}
    assert (tmp_path / "other", 0, False) == (order.folder, missing(order), (tmp_path / "ollama").exists())
    hub.add_model("q", "9b", model=MODEL[::-1])
    assert tmp_path / "ollama" == ordered(TAG, places).folder
