"""Models of Ollama: in the store that its server keeps on this machine, else in its registry, of which only headers are fetched.

Both have the same shape: a manifest lists layers by media type, each layer a blob that is named by its own SHA-256. Layout:
https://github.com/ollama/ollama (`manifest/`), after https://github.com/opencontainers/distribution-spec.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hostd.domain.units import format_bytes
from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.header import ModelHeader
from hostd.models.local import LocalFile, LocalFolder
from hostd.models.locations import ModelLocations
from hostd.models.partial_read import HeaderRead, Parse, T
from hostd.models.read import FileSource, read_gguf_parts
from hostd.models.reference import REGISTRY, OllamaReference
from hostd.models.remote_headers import RemoteHeaders
from hostd.models.stored_models import manifest_address, manifest_path, registry_url

_MEDIA = "application/vnd.ollama.image."
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
MANIFEST_MOST = 4 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """Digests of a model's weights (in parts), projector and adapters, and the size of every layer in bytes."""

    models: tuple[str, ...]
    projector: str | None
    adapters: tuple[str, ...]
    sizes: Mapping[str, int]


def open_ollama(reference: OllamaReference, locations: ModelLocations) -> ModelHeader:
    """Return the header of the model that *reference* names, from a local store if one has it, else from the registry.

    Raises as `open_header` does.
    """
    for store in locations.ollama_stores:
        path = manifest_path(store, reference)
        if os.path.isfile(path):  # noqa: PTH113 - a store that may not be looked into is no error here
            return open_stored(reference, store)
    if reference.host != REGISTRY:
        raise ModelNotFound(
            f"no store of Ollama's on this machine has {reference.short}, and {reference.host} is not asked; "
            "pull it with ollama, or name it as hf:OWNER/NAME if it is on Hugging Face"
        )
    with RemoteHeaders(locations) as remote:
        base = registry_url(reference, locations)
        folder = _Registry(reference, base, remote)
        header = _open(folder, reference, parse_manifest(read_manifest(reference, base, remote), str(reference)))
        return replace(header, ranges=remote.ranges, notes=(*header.notes, *remote.notes))


def read_manifest(reference: OllamaReference, base: str, remote: RemoteHeaders) -> bytes:
    """Return the registry's manifest of a tag; raises as `RemoteHeaders.document` does."""
    return remote.document(manifest_address(reference, base), MANIFEST_MOST, fixed=False, accept=_MANIFEST)


def blob_path(store: Path, digest: str) -> Path:
    """Return where a store keeps the blob with that digest."""
    return store / "blobs" / digest.replace(":", "-")


def open_stored(reference: OllamaReference, store: Path) -> ModelHeader:
    """Return the header of a model in the local *store*; raises as `open_ollama` does."""
    path = manifest_path(store, reference)
    text = LocalFile(path).read(0, MANIFEST_MOST)
    return _open(_Store(reference, store), reference, parse_manifest(text, str(path)))


def stored(store: Path) -> Iterator[OllamaReference]:
    """Yield what the local *store* holds, by name."""
    manifests = store / "manifests"
    if not os.path.isdir(manifests):  # noqa: PTH112 - as above
        return
    for path in sorted(manifests.glob("*/*/*/*")):
        host, namespace, name, tag = path.relative_to(manifests).parts
        if not tag.startswith(".") and path.is_file():
            yield OllamaReference(name, tag, namespace, host)


def parse_manifest(text: bytes, where: str) -> Manifest:
    """Return what a manifest lists.

    Raises:
        ModelUnreadable: It is no manifest, a digest is none, or it holds no weights that are one GGUF model.
    """
    layers = _layers(_loaded(text, where)["layers"], where)
    kinds = {kind: tuple(digest for media, digest, _ in layers if media == _MEDIA + kind) for kind in _KINDS}
    if not kinds["model"]:
        other = ", ".join(sorted({media.removeprefix(_MEDIA)[:40] for media, _, _ in layers})) or "nothing"
        raise ModelUnreadable(
            f"{where} holds no weights in GGUF (it holds {other}); name the model as hf:OWNER/NAME instead"
        )
    sizes = {digest: size for _, digest, size in layers}
    return Manifest(kinds["model"], next(iter(kinds["projector"]), None), kinds["adapter"], sizes)


_KINDS = ("model", "projector", "adapter")


def parse_blobs(text: bytes, where: str) -> dict[str, int]:
    """Return every blob that a manifest needs, by digest, with its size: layers and configuration; raises as `parse_manifest`."""
    parse_manifest(text, where)
    manifest = _loaded(text, where)
    listed = _layers([*manifest["layers"], manifest.get("config")], where)
    return {digest: size for _, digest, size in listed}


def _loaded(text: bytes, where: str) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelUnreadable(f"{where} is no manifest of a model; pull it again") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("layers"), list):
        raise ModelUnreadable(f"{where} is no manifest of a model; pull it again")
    return manifest


def _layers(listed: list[Any], where: str) -> list[tuple[str, str, int]]:
    layers = []
    for each in listed:
        if not isinstance(each, dict) or not {"mediaType", "digest", "size"} <= each.keys():
            raise ModelUnreadable(f"{where} is no manifest of a model; pull it again")
        digest, size = each["digest"], each["size"]
        # A digest becomes part of a path: nothing but what a digest can be may pass.
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or type(size) is not int or size < 0:
            raise ModelUnreadable(
                f"{where} names a layer by {str(digest)[:80]!r}, which is no digest; do not use this model"
            )
        layers.append((str(each["mediaType"]), digest, size))
    return layers


def _open(folder: FileSource, reference: OllamaReference, manifest: Manifest) -> ModelHeader:
    header = read_gguf_parts(folder, manifest.models, manifest.projector, name=reference.short)
    for file in header.files:
        told = manifest.sizes[file.name]
        if told != file.bytes:
            raise ModelUnreadable(
                f"{reference} says that its weights have {format_bytes(told)} and they have {format_bytes(file.bytes)}; "
                "pull it again with ollama"
            )
    return replace(header, adapter_bytes=sum(manifest.sizes[digest] for digest in manifest.adapters))


class _Store(LocalFolder):
    """Blobs in a local store, by digest."""

    def __init__(self, reference: OllamaReference, store: Path) -> None:
        super().__init__(store / "blobs", name=reference.short, label=f"Ollama's store, {reference.short}")

    def path(self, name: str) -> Path | None:
        return self.root / name.replace(":", "-")

    def headers(self, names: Sequence[str], parse: Parse[T]) -> list[HeaderRead[T]]:
        return super().headers([name.replace(":", "-") for name in names], parse)


class _Registry:
    """Blobs at a registry, by digest; what a digest names never changes."""

    def __init__(self, reference: OllamaReference, base: str, remote: RemoteHeaders) -> None:
        self.name = reference.short
        self.label = f"Ollama's registry, {reference.short}"
        self._base = base
        self._remote = remote

    def files(self) -> Mapping[str, int | None]:
        return {}

    def path(self, name: str) -> None:
        del name

    def document(self, name: str, limit: int) -> bytes:
        return self._remote.document(f"{self._base}/blobs/{name}", limit, fixed=True)

    def headers(self, names: Sequence[str], parse: Parse[T]) -> list[HeaderRead[T]]:
        return self._remote.headers([f"{self._base}/blobs/{name}" for name in names], parse, fixed=True)
