"""Checks of installed models: their files against every checksum that is known of them, and their structure.

A checksum is known from the name of a blob (in the cache of Hugging Face and in Ollama's stores that is the SHA-256), from the
manifest of a tag, and from the hub's list of the commit where the hub may be asked. What has none is said to be unchecked.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from hostd.models.content_digest import has_digest, sha256_in_name
from hostd.models.errors import DamagedModel, ModelUnreadable
from hostd.models.huggingface import HubRepository, ListedFile, hub_credential
from hostd.models.installed import installed_snapshot
from hostd.models.local import LocalFile, LocalFolder, open_path
from hostd.models.locations import ModelLocations
from hostd.models.model_files import parts_of
from hostd.models.ollama import MANIFEST_MOST, blob_path, open_stored, parse_blobs, parse_manifest, read_manifest
from hostd.models.read import read_model
from hostd.models.reference import REGISTRY, WEIGHTS, FileReference, HubReference, OllamaReference
from hostd.models.remote_headers import RemoteHeaders
from hostd.models.stored_models import manifest_path, registry_url
from hostd.planning.formats import gguf

_GIT = re.compile(r"[0-9a-f]{40}", re.ASCII)

Reference = FileReference | HubReference | OllamaReference


class Integrity(StrEnum):
    """What a check found: the content has its checksum, no checksum of it is known, or it is not what it should be."""

    RIGHT = "right"
    UNCHECKED = "unchecked"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """One file at *path*, and what is known of it: its *size* in bytes and its *digest* (SHA-256, or git's name), else None."""

    name: str
    path: Path
    size: int | None
    digest: str | None

    @property
    def bytes(self) -> int:
        """Bytes on disk; 0 where the file is gone."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


@dataclass(frozen=True, slots=True)
class Installation:
    """The files of one installed model. *path* is what an engine is told; *open* reads its header."""

    reference: Reference
    path: Path
    files: tuple[InstalledFile, ...]
    notes: tuple[str, ...]
    open: Callable[[], object]

    def __repr__(self) -> str:
        return f"<Installation {self.reference}: {len(self.files)} files in {self.path}>"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What was found about one file, and *why* where that is not that it is right."""

    file: InstalledFile
    bytes: int
    verdict: Integrity
    why: str = ""


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """What was found about one model: *why* is a sentence, *notes* say what else could not be checked."""

    files: tuple[CheckedFile, ...]
    verdict: Integrity
    why: str
    notes: tuple[str, ...]


def find_installation(reference: Reference, locations: ModelLocations) -> Installation | None:
    """Return the files of *reference* on this machine with what is known of them; None where they are not all here.

    The hub and the registry are asked what they list, unless *locations* are offline.

    Raises:
        ModelUnreadable: What names the files is damaged.
    """
    match reference:
        case HubReference():
            return _in_hub_cache(reference, locations)
        case OllamaReference():
            return _in_store(reference, locations)
        case FileReference():
            return _in_folder(reference)


def check(model: Installation, moved: Callable[[int], None]) -> CheckedModel:
    """Read every file of *model* whole, in pieces, and return what was found; *moved* is called with the bytes of each piece.

    Raises:
        ModelUnreadable: A file cannot be read.
    """
    files = tuple(_checked(file, moved) for file in model.files)
    damaged = [each for each in files if each.verdict is Integrity.DAMAGED]
    unchecked = [each.file.name for each in files if each.verdict is Integrity.UNCHECKED]
    if damaged:
        return CheckedModel(files, Integrity.DAMAGED, f"{damaged[0].file.name}: {damaged[0].why}", model.notes)
    try:
        model.open()
    except ModelUnreadable as error:
        # With its checksum right a file is as its maker has it, and a newer kind of file than is known here.
        if unchecked or isinstance(error, DamagedModel):
            return CheckedModel(files, Integrity.DAMAGED, error.message, model.notes)
        return CheckedModel(files, Integrity.RIGHT, f"its structure was not checked: {error.message}", model.notes)
    if unchecked:
        names = f"{', '.join(unchecked[:3])}{' and others' if len(unchecked) > 3 else ''}"
        why = f"no checksum is known of {names}: only the structure was looked at"
        return CheckedModel(files, Integrity.UNCHECKED, why, model.notes)
    return CheckedModel(files, Integrity.RIGHT, "every file has its checksum", model.notes)


def _checked(file: InstalledFile, moved: Callable[[int], None]) -> CheckedFile:
    count = file.bytes
    if not file.path.exists():
        return CheckedFile(file, 0, Integrity.DAMAGED, "it is missing")
    if file.size not in (None, count):
        moved(count)
        return CheckedFile(file, count, Integrity.DAMAGED, f"it has {count} bytes and should have {file.size}")
    if file.digest is None:
        moved(count)
        return CheckedFile(file, count, Integrity.UNCHECKED, "no checksum of it is known")
    if not has_digest(file.path, file.digest, moved):
        return CheckedFile(file, count, Integrity.DAMAGED, "its content has another checksum than it should")
    return CheckedFile(file, count, Integrity.RIGHT)


def _in_hub_cache(reference: HubReference, locations: ModelLocations) -> Installation | None:
    found = installed_snapshot(reference, locations.hub_cache)
    if found is None:
        return None
    snapshot, selection = found
    listed, notes = _hub_list(replace(reference, file=None, revision=snapshot.name), locations)
    folder = LocalFolder(snapshot, name=reference.repo)
    files = tuple(_cached(name, snapshot / name, listed.get(name, ListedFile(None))) for name in selection.names)

    def read() -> None:
        read_model(folder, reference.file)
        if selection.projector:
            folder.headers((selection.projector,), gguf.parse)

    return Installation(reference, snapshot / selection.first, files, notes, read)


def _cached(name: str, path: Path, listed: ListedFile) -> InstalledFile:
    """Return a file of the cache with its checksum: of the hub's list, or else what its blob is called."""
    called = path.resolve().name
    # A mirror may call a large file after its pointer in git, which says nothing of the content.
    git = called if _GIT.fullmatch(called) and not name.endswith(WEIGHTS) else None
    return InstalledFile(name, path, listed.size, listed.sha256 or sha256_in_name(path) or listed.git or git)


def _hub_list(reference: HubReference, locations: ModelLocations) -> tuple[dict[str, ListedFile], tuple[str, ...]]:
    """Return what the hub lists of a commit, nothing where it cannot be asked, and a note where it was not."""
    with RemoteHeaders(locations, hub_credential(locations)) as remote:
        try:
            return dict(HubRepository(reference, locations.hub, remote).listed()), tuple(remote.notes)
        except ModelUnreadable as error:
            return {}, (f"not compared with the hub's own list: {error.message}",)


def _in_store(reference: OllamaReference, locations: ModelLocations) -> Installation | None:
    for store in locations.ollama_stores:
        path = manifest_path(store, reference)
        if os.path.isfile(path):  # noqa: PTH113 - a store that may not be looked into is no error here
            text = LocalFile(path).read(0, MANIFEST_MOST)
            blobs = parse_blobs(text, str(path))
            files = tuple(
                InstalledFile(digest[:19], blob_path(store, digest), size, digest.removeprefix("sha256:"))
                for digest, size in blobs.items()
            )
            weights = blob_path(store, parse_manifest(text, str(path)).models[0])
            notes = _about_tag(reference, blobs, locations)
            return Installation(reference, weights, files, notes, partial(open_stored, reference, store))
    return None


def _about_tag(reference: OllamaReference, blobs: dict[str, int], locations: ModelLocations) -> tuple[str, ...]:
    """Return a note where the manifest is not the registry's: nothing else says that the blobs in it are the right ones."""
    if reference.host != REGISTRY:
        return (f"its manifest was not compared with that of {reference.host}, which is not asked",)
    with RemoteHeaders(locations) as remote:
        try:
            now = parse_blobs(read_manifest(reference, registry_url(reference, locations), remote), str(reference))
        except ModelUnreadable as error:
            return (f"its manifest was not compared with the registry's: {error.message}",)
        if now == blobs:
            return tuple(remote.notes)
        return (*remote.notes, "the registry has another version of it by now, which a pull fetches")


def _in_folder(reference: FileReference) -> Installation | None:
    path = reference.path
    if not path.exists():
        return None
    if path.is_dir():
        root, names = path, tuple(sorted(name for name in LocalFolder(path).files() if name.endswith(WEIGHTS)))
    else:
        root, names = path.parent, parts_of(path.name) if path.suffix == ".gguf" else (path.name,)
    files = tuple(InstalledFile(name, root / name, None, sha256_in_name(root / name)) for name in names)
    return Installation(reference, path, files, (), partial(open_path, path))
