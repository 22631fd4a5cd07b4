"""A manifest becomes an order, and the order a model in a store of Ollama's."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hostd.models.download.ollama import OllamaDownload
from hostd.models.download.pull import carry_out, missing, total
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.locations import ModelLocations
from hostd.models.ollama import blob_path, open_ollama, stored
from hostd.models.reference import OllamaReference
from hostd.models.stored_models import manifest_path
from tests.models import weights
from tests.models.hub import Hub
from tests.models.pulling import CONTENT, Recorder, ordered, stores

SEEN = 64
"""Bytes of the smallest blob whose progress is told: Ollama tells it by the clock."""


class Server(BaseHTTPRequestHandler):
    """An Ollama with one store, which lists what is there and pulls by copying, as far as it is scripted to."""

    store: Path
    hub: Hub
    broken = False

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List the store."""
        self._answer([{"models": [{"model": each.short} for each in stored(self.store)]}])

    def do_POST(self) -> None:
        """Pull a model, with progress in two steps for each blob, but for those that come faster than it looks."""
        name = json.loads(self.rfile.read(int(self.headers["content-length"])))["model"]
        manifest = self.hub.manifests[name.replace(":", "/")]
        events: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        for layer in (*manifest["layers"], manifest["config"]):
            size, digest = layer["size"], layer["digest"]
            said = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": size}
            steps = [] if size < SEEN else [{**said, "completed": size // 2}, {**said, "completed": size}]
            events += steps[: 1 if self.broken else None]
            if not self.broken:
                blob_path(self.store, digest).write_bytes(self.hub.blobs[digest])
        if self.broken:
            self._answer([*events, {"error": "max retries exceeded"}])
            return
        path = manifest_path(self.store, OllamaReference(*name.split(":")))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(manifest, indent=1))
        done = ("verifying sha256 digest", "writing manifest", "success")
        self._answer([*events, *({"status": status} for status in done)])

    def _answer(self, lines: list[dict[str, Any]]) -> None:
        body = "\n".join(map(json.dumps, lines)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running(hub: Hub, store: Path, *, broken: bool = False) -> Iterator[str]:
    """Run an Ollama on *store* while the block lasts, and yield its address."""
    kind = type("Running", (Server,), {"hub": hub, "store": store, "broken": broken})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(5)


@pytest.fixture
def served(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelLocations:
    """Return locations with two stores, the second of which has a model already; the registry counts as Ollama's own."""
    monkeypatch.setattr("hostd.models.download.ollama.REGISTRY_URL", hub.url)
    hub.add_model("old", "1b", model=MODEL[::-1])
    locations = stores(hub, tmp_path)
    other = replace(locations, ollama_stores=(tmp_path / "other",))
    carry_out(ordered("ollama:old:1b", other), other, Recorder())
    hub.add_model("q", "9b", model=MODEL, template=b"{{ .Prompt }}")
    return locations


MODEL = weights.gguf() + CONTENT
TAG = "ollama:q:9b"


def test_every_blob_comes_by_its_digest(hub: Hub, tmp_path: Path) -> None:
    """Layers and configuration; what is not whole lies where Ollama's server does not clean up."""
    hub.add_model("q", "9b", model=MODEL, template=b"{{ .Prompt }}", license=b"MIT")
    order = ordered(TAG, stores(hub, tmp_path))
    store = tmp_path / "ollama"
    digest = hashlib.sha256(MODEL).hexdigest()
    item = next(item for item in order.items if item.size == len(MODEL))
    assert (4, store / "blobs" / f"sha256-{digest}", digest) == (len(order.items), item.blob, item.sha256)
    assert (item.blob, store) == (order.path, order.folder)
    assert {store / "incomplete"} == {each.partial.parent for each in order.items}


def test_a_pulled_model_is_what_a_server_would_find(hub: Hub, tmp_path: Path) -> None:
    """The manifest is the registry's own, byte for byte, and the store opens."""
    hub.add_model("q", "9b", model=MODEL, template=b"{{ .Prompt }}")
    locations = stores(hub, tmp_path)
    carry_out(ordered(TAG, locations), locations, Recorder())
    reference = OllamaReference("q", "9b")
    order = ordered(TAG, locations)
    assert isinstance(order, OllamaDownload)
    assert order.manifest == manifest_path(tmp_path / "ollama", reference).read_bytes()
    assert tmp_path / "ollama/manifests/registry.ollama.ai/library/q/9b" == manifest_path(
        tmp_path / "ollama", reference
    )
    header = open_ollama(reference, replace(locations, offline=True))
    assert (MODEL, len(MODEL)) == (order.path.read_bytes(), header.total_bytes)


def test_a_manifest_is_written_only_over_all_of_its_blobs(hub: Hub, tmp_path: Path) -> None:
    """A server that starts meanwhile removes blobs that no manifest names yet."""
    hub.add_model("q", "9b", model=MODEL)
    locations = stores(hub, tmp_path)
    order = ordered(TAG, locations)
    carry_out(order, locations, Recorder())
    manifest_path(tmp_path / "ollama", OllamaReference("q", "9b")).unlink()
    blob_path(tmp_path / "ollama", f"sha256:{hashlib.sha256(MODEL).hexdigest()}").unlink()
    assert isinstance(order, OllamaDownload)
    with pytest.raises(ModelUnreadable, match="vanished while the rest came"):
        order.seal()
    assert not manifest_path(tmp_path / "ollama", OllamaReference("q", "9b")).exists()


def test_a_blob_with_another_content_than_its_digest_is_refused(hub: Hub, tmp_path: Path) -> None:
    """And so is the model: no manifest is written."""
    hub.add_model("q", "9b", model=MODEL)
    hub.blobs[f"sha256:{hashlib.sha256(MODEL).hexdigest()}"] = MODEL[:-1] + b"?"
    locations = stores(hub, tmp_path)
    with pytest.raises(ModelUnreadable, match="another checksum"):
        carry_out(ordered(TAG, locations), locations, Recorder())
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
        ordered(TAG, hub.locations(tmp_path))


def test_what_another_store_has_whole_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    """Nothing is written to a service's store, not even a lock; an older state of the tag there does not count."""
    hub.add_model("q", "9b", model=MODEL)
    locations = stores(hub, tmp_path)
    other = replace(locations, ollama_stores=(tmp_path / "other",))
    carry_out(ordered(TAG, other), other, Recorder())
    shutil.rmtree(tmp_path / "other" / "incomplete")
    order = ordered(TAG, locations)
    carry_out(order, locations, Recorder())
    assert {"blobs", "manifests"} == {path.name for path in (tmp_path / "other").iterdir()}
    assert (tmp_path / "other", 0, False) == (order.folder, missing(order), (tmp_path / "ollama").exists())
    hub.add_model("q", "9b", model=MODEL[::-1])
    assert tmp_path / "ollama" == ordered(TAG, locations).folder


def test_a_running_ollama_pulls_into_its_own_store(hub: Hub, tmp_path: Path, served: ModelLocations) -> None:
    """Which is known by what it holds; its manifest, written in its own way, is left as it is."""
    recorder = Recorder()
    with running(hub, tmp_path / "other") as server:
        locations = replace(served, ollama_server=server)
        order = ordered(TAG, locations)
        assert (tmp_path / "other", server) == (order.folder, getattr(order, "server", None))
        hub.seen.clear()
        carry_out(order, locations, recorder)
    assert (total(order), MODEL) == (recorder.count, order.path.read_bytes())
    assert [] == hub.seen
    assert b"\n" in manifest_path(tmp_path / "other", OllamaReference("q", "9b")).read_bytes()
    again = ordered(TAG, served)
    assert (tmp_path / "other", 0) == (again.folder, missing(again))


def test_an_ollama_that_gives_up_is_a_sentence(hub: Hub, tmp_path: Path, served: ModelLocations) -> None:
    """With its own words in it."""
    with running(hub, tmp_path / "other", broken=True) as server:
        locations = replace(served, ollama_server=server)
        with pytest.raises(HubUnreachable, match=r"did not pull q:9b.*max retries exceeded.*run the same command"):
            carry_out(ordered(TAG, locations), locations, Recorder())


@pytest.mark.parametrize("why", ["nothing listens", "an empty store", "another registry", "offline"])
def test_without_an_ollama_whose_store_is_known_the_registry_is_asked(
    hub: Hub, tmp_path: Path, served: ModelLocations, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blobs go into the owner's store, which an Ollama that hostd starts reads."""
    ordered(TAG, served)  # what the registry said is known offline, too
    if why == "another registry":
        monkeypatch.setattr("hostd.models.download.ollama.REGISTRY_URL", "https://registry.ollama.ai")
    with running(hub, tmp_path / ("third" if why == "an empty store" else "other")) as server:
        address = "http://127.0.0.1:1" if why == "nothing listens" else server
        order = ordered(TAG, replace(served, ollama_server=address, offline=why == "offline"))
    assert tmp_path / "ollama" == order.folder
