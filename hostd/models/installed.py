"""Installed models: where the weights of a reference to a hub are on this machine. No hub is ever asked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hostd.models.download.selection import Selection, select
from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.local import LocalFolder
from hostd.models.locations import ModelLocations, this_machine
from hostd.models.ollama import MANIFEST_MOST, blob_path, parse_blobs, parse_manifest
from hostd.models.reference import HubReference, OllamaReference
from hostd.models.stored_models import cached_snapshot, manifest_path


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose files are all here. *path* is what an engine is given: a GGUF file (its first part) or a folder.

    *projector* is the GGUF file of its vision or audio tower, if that was pulled with it. For a tag of Ollama's, *path* is the
    blob with the weights in *store*, which an Ollama that is to serve it must be given as OLLAMA_MODELS.
    """

    path: Path
    projector: Path | None = None
    store: Path | None = None


def find_installed(
    reference: HubReference | OllamaReference, locations: ModelLocations | None = None
) -> InstalledModel | None:
    """Return where all files of *reference* are on this machine; None unless all are.

    A variant's reference is `variant_reference(variant)`; what to say where this returns None is ``hostd pull {reference}``. It
    reads folders and small files only: some milliseconds, in a thread if nothing may wait for a disk.

    Raises:
        ModelUnreadable: Files are here and are damaged.
    """
    locations = locations or this_machine()
    match reference:
        case HubReference():
            return _in_hub_cache(reference, locations)
        case OllamaReference():
            return next(filter(None, (_in_store(reference, store) for store in locations.ollama_stores)), None)


def _in_hub_cache(reference: HubReference, locations: ModelLocations) -> InstalledModel | None:
    found = installed_snapshot(reference, locations.hub_cache)
    if found is None:
        return None
    snapshot, selection = found
    tower = snapshot / selection.projector if selection.projector else None
    return InstalledModel(snapshot / selection.first if selection.first else snapshot, tower)


def installed_snapshot(reference: HubReference, cache: Path) -> tuple[Path, Selection] | None:
    """Return the folder of the commit that has all files of *reference*, and which those are; None where none has."""
    for snapshot in _snapshots(reference, cache):
        with suppress(ModelNotFound):
            return snapshot, select(_Snapshot(snapshot, reference.repo), reference.file, projector=True)
    return None


def _snapshots(reference: HubReference, cache: Path) -> Iterator[Path]:
    """Yield the commits in the cache that may be meant: what the revision stands for, then older ones, the newest first.

    A pull of another file may have moved the revision on; what was pulled before is still good.
    """
    meant = cached_snapshot(reference, cache)
    if meant is None:
        return
    yield meant
    if meant.name != reference.revision:
        others = [path for path in meant.parent.iterdir() if path != meant and path.is_dir()]
        yield from sorted(others, key=lambda path: -path.stat().st_mtime)


class _Snapshot(LocalFolder):
    """A folder of the cache with all that is below it."""

    def __init__(self, root: Path, repo: str) -> None:
        super().__init__(root, name=repo, label=f"the Hugging Face cache, {repo}@{root.name[:7]}")

    def files(self) -> Mapping[str, int | None]:
        """Return every file of the commit that is here whole, by its name in the repository."""
        found: dict[str, int | None] = {}
        for folder, below, names in os.walk(self.root):
            below.sort()
            for name in names:
                path = Path(folder) / name
                if path.is_file():
                    found[path.relative_to(self.root).as_posix()] = path.stat().st_size
        return found


def _in_store(reference: OllamaReference, store: Path) -> InstalledModel | None:
    path = manifest_path(store, reference)
    if not os.path.isfile(path):  # noqa: PTH113 - a store that may not be looked into is no error here
        return None
    try:
        text = path.read_bytes()[:MANIFEST_MOST]
    except OSError as error:
        raise ModelUnreadable(f"{path} cannot be read: {error.strerror}; give this user access to it") from error
    manifest = parse_manifest(text, str(path))
    for digest, size in parse_blobs(text, str(path)).items():
        blob = blob_path(store, digest)
        if not os.path.isfile(blob) or blob.stat().st_size != size:  # noqa: PTH113 - as above
            return None
    projector = blob_path(store, manifest.projector) if manifest.projector else None
    return InstalledModel(blob_path(store, manifest.models[0]), projector, store)
