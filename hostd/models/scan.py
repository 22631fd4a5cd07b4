"""Scan for the models on this machine, in the stores of all programs: headers only, and a reason for each unreadable file."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hostd.domain.ticket import Task
from hostd.models.errors import ModelUnreadable
from hostd.models.header import Format, ModelHeader
from hostd.models.local import open_checkpoint, open_path
from hostd.models.locations import ModelLocations
from hostd.models.model_files import is_projector, models
from hostd.models.ollama import open_stored, stored
from hostd.models.reference import FileReference, HubReference, OllamaReference
from hostd.models.stored_models import cached_snapshot, manifest_path

MOST = 2000
"""Limit of models; a folder with more is a mirror of a hub."""
_DEEP = 6
_POOLINGS = (1, 2, 3)
_RANKS = 4

Reference = FileReference | HubReference | OllamaReference


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model on this machine. *reference* opens it again; *trouble* says why it has no *header*."""

    name: str
    found_in: str
    reference: Reference
    path: Path
    header: ModelHeader | None = None
    trouble: str | None = None

    @property
    def format(self) -> Format | None:
        """How the weights are stored."""
        return self.header.format if self.header else None

    @property
    def bytes(self) -> int:
        """Bytes of the weights."""
        return self.header.total_bytes if self.header else 0

    @property
    def architecture(self) -> str:
        """The family that the header names."""
        return self.header.shape.architecture if self.header else ""

    @property
    def quantisation(self) -> str:
        """How the weights are packed, in the usual word."""
        return self.header.shape.quantisation if self.header else ""

    @property
    def is_projector(self) -> bool:
        """Whether this is the vision or audio tower of another model."""
        return bool(self.header and not self.header.shape.layers and self.header.shape.projector)

    @property
    def task(self) -> Task:
        """What the model is for."""
        if self.header is None or self.is_projector:
            return Task.TEXT
        shape, found = self.header.shape, self.header.gguf
        keys = found.keys if found else {}
        if f"{shape.architecture}.decision.type" in keys:
            return Task.DECISIONS
        pooling = keys.get(f"{shape.architecture}.pooling_type")
        if pooling == _RANKS:
            return Task.RERANK
        embeds = shape.encoder or pooling in _POOLINGS or "embed" in self.name.lower()
        return Task.EMBEDDINGS if embeds else Task.TEXT

    def __repr__(self) -> str:
        what = self.trouble or f"{self.format} {self.architecture} {self.quantisation} {self.bytes / 2**30:.2f} GiB"
        return f"<LocalModel {self.name} ({self.found_in}): {what}>"


@dataclass(frozen=True, slots=True)
class _Find:
    name: str
    found_in: str
    reference: Reference
    path: Path
    open: Callable[[], ModelHeader]


def scan(locations: ModelLocations, others: tuple[Path, ...] = ()) -> list[LocalModel]:
    """Return the models on this machine: in Ollama's stores, LM Studio's folders, Hugging Face's cache, and other folders.

    A file that several programs share is listed once. No hub is asked, and a damaged file does not end the scan.
    """
    entries: list[LocalModel] = []
    seen: set[str] = set()
    for find in _finds(locations, others):
        real = os.path.realpath(find.path)
        if real in seen:
            continue
        if len(entries) >= MOST:
            break
        seen.add(real)
        try:
            header, trouble = find.open(), None
        except ModelUnreadable as error:
            header, trouble = None, error.message
        except OSError as error:
            header, trouble = None, f"{find.path} cannot be read: {error.strerror}; give this user access to it"
        if header and header.path:
            seen.add(os.path.realpath(header.path))
        entries.append(LocalModel(find.name, find.found_in, find.reference, find.path, header, trouble))
    return entries


def pulled(locations: ModelLocations) -> list[Reference]:
    """Return the models in the stores that pulls write to; nothing of them is read."""
    finds = (
        *(find for store in locations.ollama_stores for find in _in_store(store)),
        *_in_hub_cache(locations.hub_cache),
    )
    return [find.reference for find in finds]


def _finds(locations: ModelLocations, others: tuple[Path, ...]) -> Iterator[_Find]:
    for store in locations.ollama_stores:
        yield from _in_store(store)
    for folder in locations.lm_studio:
        yield from _in_folder(folder, "LM Studio")
    yield from _in_hub_cache(locations.hub_cache)
    for folder in (*locations.folders, *others):
        yield from _in_folder(folder, str(folder))


def _in_store(store: Path) -> Iterator[_Find]:
    for reference in stored(store):
        manifest = manifest_path(store, reference)
        yield _Find(reference.short, "Ollama", reference, manifest, partial(open_stored, reference, store))


def _in_hub_cache(cache: Path) -> Iterator[_Find]:
    for home in sorted(cache.glob("models--*")):
        repo = home.name.removeprefix("models--").replace("--", "/")
        snapshot = cached_snapshot(HubReference(repo), cache) or _newest(home / "snapshots")
        if snapshot is None:
            continue
        for find in _in_folder(snapshot, "the Hugging Face cache"):
            file = find.path.relative_to(snapshot).as_posix()
            whole = find.path == snapshot
            reference = HubReference(repo, None if whole else file)
            yield replace(find, name=repo if whole else find.name, reference=reference)


def _newest(snapshots: Path) -> Path | None:
    try:
        return max((path for path in snapshots.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    except (OSError, ValueError):
        return None


def _in_folder(root: Path, found_in: str) -> Iterator[_Find]:
    """Yield the models in *root* and the folders in it: GGUF files by name, and folders with safetensors as one model each."""
    # Links to folders are followed, for models are kept on other disks; a link may lead back to a folder already read.
    read: set[str] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        depth = len(Path(folder).relative_to(root).parts)
        if real in read or depth > _DEEP:
            below.clear()
            continue
        read.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        here = Path(folder)
        if "config.json" in names and any(name.endswith(".safetensors") for name in names):
            yield _Find(here.name, found_in, FileReference(here), here, partial(open_checkpoint, here))
        for first in _first_parts(names):
            path = here / first
            yield _Find(path.stem, found_in, FileReference(path), path, partial(open_path, path))


def _first_parts(names: list[str]) -> list[str]:
    ggufs = [name for name in names if name.endswith(".gguf") and not name.startswith(".")]
    towers = [name for name in ggufs if is_projector(name)]
    return sorted([parts[0] for parts in models(ggufs)] + towers)
