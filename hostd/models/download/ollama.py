"""Downloads of Ollama's tags, into a store of Ollama's.

A running Ollama pulls by itself, for its store may be one that only it may write. Without one the blobs are fetched from the
registry into the owner's store, where an Ollama that hostd starts later, or llama.cpp, finds them: none is started for a pull,
since it would fetch the same bytes into the same folder.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hostd.models.download.source import PATIENCE, http_blocks
from hostd.models.download.transfer import DownloadFile, Pause, ProgressListener, fetch
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.locations import REGISTRY_URL, ModelLocations
from hostd.models.ollama import MANIFEST_MOST, blob_path, parse_blobs, parse_manifest, read_manifest, stored
from hostd.models.reference import REGISTRY, OllamaReference
from hostd.models.remote_headers import RemoteHeaders
from hostd.models.stored_models import manifest_path, registry_url

if TYPE_CHECKING:
    from ollama import Client

_ASKING = 5.0
"""Seconds that a running Ollama may take to list what it has."""


@dataclass(frozen=True, slots=True)
class OllamaDownload:
    """The blobs of one model and its *manifest*, for the *store*. *path* is where its weights will lie.

    *server* is the address of the running Ollama whose store it is, None where there is none.
    """

    reference: OllamaReference
    items: tuple[DownloadFile, ...]
    path: Path
    notes: tuple[str, ...]
    store: Path
    manifest: bytes
    registry: str
    server: str | None = None

    @property
    def folder(self) -> Path:
        """The root of the store."""
        return self.store

    def here(self, file: DownloadFile) -> bool:
        """Return whether that blob is whole."""
        return file.blob.is_file() and file.blob.stat().st_size == file.size

    def unlinked(self) -> list[DownloadFile]:
        """Return the blobs that are here without a manifest that names them all: no program has shown them as this model."""
        whole = _lists(manifest_path(self.store, self.reference), self.items)
        return [] if whole else [file for file in self.items if self.here(file)]

    def fetch(self, listener: ProgressListener, pause: Pause = time.sleep) -> None:
        """Download every missing blob, then write the manifest; raises as `transfer.fetch` does."""
        if self.server and not all(map(self.here, self.items)):
            _pull_through(
                self.server, self.reference, listener, {f"sha256:{each.sha256}": each.size for each in self.items}
            )
        else:
            for file in self.items:
                url = f"{self.registry}/blobs/sha256:{file.sha256}"
                fetch(file, partial(http_blocks, url, headers={}), listener, here=self.here, pause=pause)
        self.seal()

    def seal(self) -> None:
        """Write the manifest, if the store has not one that names the same blobs.

        Raises:
            ModelUnreadable: A blob is gone again.
        """
        if gone := [file.name for file in self.items if not self.here(file)]:
            # Ollama's server removes at its start what no manifest names.
            raise ModelUnreadable(
                f"{', '.join(gone[:3])} of {self.reference} vanished while the rest came; run the same command again"
            )
        path = manifest_path(self.store, self.reference)
        if _lists(path, self.items):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.store / "incomplete" / f"manifest.{os.getpid()}"
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(self.manifest)
        draft.replace(path)


def plan_registry_download(reference: OllamaReference, locations: ModelLocations) -> OllamaDownload:
    """Plan the download of *reference* from the registry's manifest; no blob is fetched.

    It is for the store that has it whole already, else for that of the Ollama that is running, else for the user's own.

    Raises:
        ModelNotFound: The registry has no such model or tag, or is not one that is asked.
        HubUnreachable: The registry cannot be asked.
        ModelUnreadable: What it answers must not be downloaded, or there is no store to put it into.
    """
    if reference.host != REGISTRY:
        raise ModelNotFound(
            f"{reference.host} is not asked for models; name the model as hf:OWNER/NAME if it is on Hugging Face"
        )
    if not locations.ollama_stores:
        raise ModelUnreadable("there is no store for Ollama's models; name one by OLLAMA_MODELS")
    base = registry_url(reference, locations)
    with RemoteHeaders(locations) as remote:
        try:
            text = read_manifest(reference, base, remote)
        except ModelNotFound as error:
            raise ModelNotFound(
                f"Ollama's registry has no {reference.short}; its tags are listed at "
                f"https://ollama.com/{reference.namespace}/{reference.name}/tags"
            ) from error
    plans = [_plan(reference, text, base, store, remote.notes) for store in locations.ollama_stores]
    if whole := next((plan for plan in plans if _is_whole(plan)), None):
        return whole
    served = None if locations.offline else _store_of_running(locations)
    return next((replace(plan, server=locations.ollama_server) for plan in plans if plan.store == served), plans[0])


def _plan(reference: OllamaReference, text: bytes, base: str, store: Path, notes: Sequence[str]) -> OllamaDownload:
    work = store / "incomplete"  # not among the blobs: Ollama's server would remove it at its start
    items = tuple(
        DownloadFile(
            digest[:19],
            size,
            blob_path(store, digest),
            work / f"{digest.replace(':', '-')}.incomplete",
            work / f"{digest.replace(':', '-')}.lock",
            digest.removeprefix("sha256:"),
        )
        for digest, size in parse_blobs(text, str(reference)).items()
    )
    weights = blob_path(store, parse_manifest(text, str(reference)).models[0])
    return OllamaDownload(reference, items, weights, tuple(notes), store, text, base)


def _is_whole(plan: OllamaDownload) -> bool:
    return _lists(manifest_path(plan.store, plan.reference), plan.items) and all(map(plan.here, plan.items))


def _lists(path: Path, items: Sequence[DownloadFile]) -> bool:
    """Return whether the manifest at *path* names these blobs; its bytes may be Ollama's own."""
    try:
        listed = parse_blobs(path.read_bytes()[:MANIFEST_MOST], str(path))
    except (OSError, ModelUnreadable):  # also a store that may not be looked into
        return False
    return listed.keys() == {f"sha256:{file.sha256}" for file in items}


def _store_of_running(locations: ModelLocations) -> Path | None:
    """Return the store of the running Ollama: the one that holds every model that it lists.

    None where none runs, where it has no model yet to tell its store by, and where the owner names another registry, which it
    does not know.
    """
    if locations.ollama_server is None or locations.registry != REGISTRY_URL:
        return None
    try:
        listed = {str(each.model) for each in _client(locations.ollama_server, _ASKING).list().models}
    except Exception:  # noqa: BLE001 - whatever does not answer like an Ollama is none
        return None
    for store in locations.ollama_stores:
        with suppress(OSError):
            if listed and listed <= {each.short for each in stored(store)}:
                return store
    return None


def _pull_through(
    server: str, reference: OllamaReference, listener: ProgressListener, sizes: Mapping[str, int]
) -> None:
    """Let the running Ollama pull a model with blobs of these *sizes*; it resumes and verifies by itself.

    Raises:
        HubUnreachable: It stopped before the end.
    """
    came: dict[str, int] = {}
    try:
        for event in _client(server, PATIENCE).pull(reference.short, stream=True):
            digest, count = event.digest or "", event.completed or 0
            if digest and count > came.get(digest, 0):
                listener.moved(count - came.get(digest, 0))
                came[digest] = count
        # Ollama tells progress now and then, and nothing of a blob that comes in between.
        listener.moved(sum(max(0, size - came.get(digest, 0)) for digest, size in sizes.items()))
    except (
        Exception
    ) as error:  # the client's errors, its transport's and those of what it parses have no base in common
        said = f"{type(error).__name__}: {error}"[:300]
        raise HubUnreachable(
            f"the Ollama at {server} did not pull {reference.short} ({said}); what came is kept: run the same command to go on"
        ) from error


def _client(server: str, patience: float) -> "Client":
    from ollama import Client  # noqa: PLC0415 - costs a sixth of a second, which only pulls of its tags should pay

    # Without a word of ours it would send $OLLAMA_API_KEY, which is for ollama.com, to whatever this is.
    return Client(host=server, timeout=patience, headers={"authorization": "Bearer none"}, trust_env=False)
