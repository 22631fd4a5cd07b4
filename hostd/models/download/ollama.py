"""What a pull of an Ollama tag will take, and how it is laid into a store so that `ollama serve` finds it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hostd.models.download.partial import Checksum
from hostd.models.download.transfer import DownloadFile
from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.header_store import HeaderStore
from hostd.models.http.client import HubClient
from hostd.models.locations import ModelLocations
from hostd.models.ollama import ACCEPT, MANIFEST_MOST, parse_blobs, parse_manifest
from hostd.models.reference import REGISTRY, OllamaReference
from hostd.models.remote_headers import RemoteHeaders


@dataclass(frozen=True, slots=True)
class OllamaDownload:
    """The blobs of one model and its *manifest*, for the *store*. *path* is where its weights will lie."""

    reference: OllamaReference
    items: tuple[DownloadFile, ...]
    path: Path
    notes: tuple[str, ...]
    store: Path
    manifest: bytes

    @property
    def folder(self) -> Path:
        """Where on the disk it will lie."""
        return self.store

    def here(self, item: DownloadFile) -> bool:
        """Return whether that blob is whole."""
        return item.blob.is_file() and item.blob.stat().st_size == item.size

    def place(self, item: DownloadFile) -> None:
        """Do nothing: a blob's name is all that it has."""

    def seal(self) -> None:
        """Write the manifest, which makes a model of the blobs.

        Raises:
            Unreadable: A blob is gone again: Ollama's server removes at its start what no manifest names.
        """
        if gone := [item.name for item in self.items if not self.here(item)]:
            raise ModelUnreadable(
                f"{', '.join(gone[:3])} of {self.reference} vanished while the rest came; run the same command again"
            )
        path = manifest_path(self.store, self.reference)
        if _is(path, self.manifest):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.store / "incomplete" / f"manifest.{os.getpid()}"
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(self.manifest)
        draft.replace(path)


def manifest_path(store: Path, reference: OllamaReference) -> Path:
    """Return where a store keeps the manifest of a model."""
    return store.joinpath("manifests", reference.host, reference.namespace, reference.name, reference.tag)


def blob_path(store: Path, digest: str) -> Path:
    """Return where a store keeps the blob with that digest."""
    return store / "blobs" / digest.replace(":", "-")


def plan_registry_download(reference: OllamaReference, places: ModelLocations) -> OllamaDownload:
    """Return what pulling *reference* means; the registry is asked for its manifest, and no blob is fetched.

    It goes into the first store, the user's own, unless another has it whole already.

    Raises:
        NotThere: The registry has no such model or tag, or is not one that is asked.
        Unreachable: The registry cannot be asked.
        Unreadable: What it answers must not be downloaded, or there is no store to put it into.
    """
    if reference.host != REGISTRY:
        raise ModelNotFound(
            f"{reference.host} is not asked for models; name the model as hf:OWNER/NAME if it is on Hugging Face"
        )
    if not places.ollama_stores:
        raise ModelUnreadable("there is no store for Ollama's models; name one by OLLAMA_MODELS")
    remote = RemoteHeaders(HubClient, HeaderStore(places.headers), offline=places.offline)
    base = f"{places.registry}/v2/{reference.namespace}/{reference.name}"
    try:
        text = remote.document(f"{base}/manifests/{reference.tag}", MANIFEST_MOST, fixed=False, accept=ACCEPT)
    except ModelNotFound as error:
        raise ModelNotFound(
            f"Ollama's registry has no {reference.short}; its tags are listed at "
            f"https://ollama.com/{reference.namespace}/{reference.name}/tags"
        ) from error
    finally:
        remote.close()
    orders = [_order(reference, text, base, store, remote.notes) for store in places.ollama_stores]
    return next((order for order in orders if _is_whole(order)), orders[0])


def _order(reference: OllamaReference, text: bytes, base: str, store: Path, notes: Sequence[str]) -> OllamaDownload:
    work = store / "incomplete"
    items = tuple(
        DownloadFile(
            digest[:19],
            f"{base}/blobs/{digest}",
            size,
            Checksum(digest.removeprefix("sha256:")),
            blob_path(store, digest),
            # Not among the blobs: Ollama's server would remove it at its start.
            work / f"{digest.replace(':', '-')}.incomplete",
            work / f"{digest.replace(':', '-')}.lock",
        )
        for digest, size in parse_blobs(text, str(reference)).items()
    )
    weights = blob_path(store, parse_manifest(text, str(reference)).models[0])
    return OllamaDownload(reference, items, weights, tuple(notes), store, text)


def _is_whole(order: OllamaDownload) -> bool:
    return _is(manifest_path(order.store, order.reference), order.manifest) and all(map(order.here, order.items))


def _is(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:  # also a store that may not be looked into
        return False
