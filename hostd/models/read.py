"""Read a model's header from a file source: a local folder or a repository on a hub."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from hostd.domain.shape import Shape
from hostd.models.errors import DamagedModel, ModelNotFound, ModelUnreadable
from hostd.models.header import Format, ModelHeader, WeightFile
from hostd.models.model_files import INDEX, MOST_PARTS, ModelFiles, choose, choose_checkpoint, parts_of
from hostd.models.partial_read import HeaderRead, Parse, T
from hostd.models.reference import is_safe_file
from hostd.planning.formats import gguf
from hostd.planning.formats.checkpoint_config import read_configuration
from hostd.planning.formats.checkpoint_tensors import sort_tensors
from hostd.planning.formats.gguf_cursor import GgufError
from hostd.planning.formats.gguf_shape import shape_of
from hostd.planning.formats.not_a_model import header_kind
from hostd.planning.formats.quantization import is_mlx
from hostd.planning.formats.safetensors import (
    BadModel,
    Safetensors,
    parse_configuration,
    parse_index,
    parse_safetensors,
)

_SMALL = 4 << 20
_INDEX_MOST = 48 << 20


class FileSource(Protocol):
    """A folder or repository: its files' names (with ``/`` between folders) and sizes, None where not told."""

    @property
    def label(self) -> str:
        """Its name in messages."""

    @property
    def name(self) -> str:
        """The name of the model in it, where no file gives one."""

    def files(self) -> Mapping[str, int | None]:
        """Return all files."""

    def path(self, name: str) -> Path | None:
        """Return where a file is on this machine, if it is."""

    def document(self, name: str, limit: int) -> bytes:
        """Return a small file whole."""

    def headers(self, names: Sequence[str], parse: Parse[T]) -> list[HeaderRead[T]]:
        """Return the headers of files."""


def read_model(folder: FileSource, file: str | None = None) -> ModelHeader:
    """Return the header of the model in *folder*, or of the one that *file* is (a part of).

    Raises:
        ModelNotFound: There is none, or a part of it is missing.
        ModelUnreadable: It is not as it should be, or cannot be reached.
    """
    if file is None:
        option = choose(folder.files(), folder.label)
    elif file.endswith(".gguf"):
        option = ModelFiles(parts_of(file))
    else:
        option = ModelFiles(safetensors=(file,))
    if not option.gguf:
        return read_checkpoint(folder, option)
    header = read_gguf_parts(folder, option.gguf, option.projector)
    return replace(header, notes=(option.note,)) if option.note else header


def read_gguf_parts(
    folder: FileSource, names: Sequence[str], projector: str | None = None, *, name: str | None = None
) -> ModelHeader:
    """Return the header of the GGUF model whose parts are called *names*; raises as `read_model` does.

    *name* is the model's where its files are called otherwise.
    """
    reads = folder.headers(names, gguf.parse)
    header = _whole([read.header for read in reads], folder.label, names)
    first = names[0]
    if what := header_kind(header.keys, [tensor.name for tensor in header.tensors]):
        raise ModelUnreadable(f"{folder.label}, {first}: this is {what}")
    files = tuple(
        WeightFile(part, read.size if read.size is not None else read.header.file_bytes)
        for part, read in zip(names, reads, strict=True)
    )
    shape = _sized(_shape(header, folder.label, first), files)
    return ModelHeader(
        name=name or first.rsplit("/", 1)[-1].removesuffix(".gguf"),
        format=Format.GGUF,
        shape=shape,
        source=f"{folder.label}, {first}" if name is None else folder.label,
        files=files,
        path=folder.path(first),
        gguf=header,
        projector=_projector(folder, projector),
    )


def _whole(headers: list[gguf.GgufHeader], label: str, names: Sequence[str]) -> gguf.GgufHeader:
    split = headers[0].split
    if len(headers) == 1 and split is not None:
        raise ModelNotFound(
            f"{label}, {names[0]} is one part of {split[1]}, and its name does not say what the others are called; "
            "rename the parts to NAME-00001-of-0000N.gguf"
        )
    try:
        return headers[0] if len(headers) == 1 else gguf.merge(headers)
    except GgufError as error:
        raise DamagedModel(f"{label}, {names[0]}: {error.message}") from error


def _shape(header: gguf.GgufHeader, label: str, name: str) -> Shape:
    try:
        return shape_of(header)
    except GgufError as error:
        raise DamagedModel(f"{label}, {name}: {error.message}") from error


def _sized(shape: Shape, files: Sequence[WeightFile]) -> Shape:
    return replace(shape, file_bytes=sum(file.bytes for file in files), parts=len(files))


def _projector(folder: FileSource, name: str | None) -> Shape | None:
    if name is None:
        return None
    (read,) = folder.headers((name,), gguf.parse)
    shape = _shape(read.header, folder.label, name)
    return shape if read.size is None else replace(shape, file_bytes=read.size)


def read_checkpoint(folder: FileSource, option: ModelFiles | None = None) -> ModelHeader:
    """Return the header of a model in safetensors, whose numbers are in its configuration; raises as `read_model` does."""
    option = option or choose_checkpoint(folder.files(), folder.label)
    names = shards(folder) if option.index else option.safetensors
    base = names[0].rpartition("/")[0]
    try:
        text = folder.document(f"{base}/config.json" if base else "config.json", _SMALL)
    except ModelNotFound as error:
        raise ModelNotFound(
            f"{folder.label} has weights and no config.json, which says what they are; add it"
        ) from error
    reads = folder.headers(names, parse_safetensors)
    files = tuple(
        WeightFile(name, read.size if read.size is not None else _end(read.header))
        for name, read in zip(names, reads, strict=True)
    )
    locations = sort_tensors(tensor for read in reads for tensor in read.header.tensors)
    try:
        config = parse_configuration(text)
        shape = _sized(read_configuration(config, locations, name=folder.name), files)
    except BadModel as error:
        raise ModelUnreadable(f"{folder.label}: {error.message}") from error
    return ModelHeader(
        name=folder.name,
        format=Format.MLX if is_mlx(config, reads[0].header.metadata) else Format.SAFETENSORS,
        shape=shape,
        source=f"{folder.label}, config.json and {_counted(names)}",
        files=files,
        path=folder.path(""),
    )


def shards(folder: FileSource) -> tuple[str, ...]:
    """Return the files of weights that the index in *folder* names; raises as `read_model` does."""
    try:
        names = parse_index(folder.document(INDEX, _INDEX_MOST))
    except BadModel as error:
        raise ModelUnreadable(f"{folder.label}: {error.message}") from error
    if len(names) > MOST_PARTS or not all(is_safe_file(name) and name.endswith(".safetensors") for name in names):
        raise ModelUnreadable(f"{folder.label}: its index names files that are no weights of it; do not use this model")
    known = folder.files()
    if missing := [name for name in names if name not in known]:
        raise ModelNotFound(f"{folder.label} lacks {', '.join(missing[:3])}; download the missing parts")
    return names


def _end(header: Safetensors) -> int:
    return header.data_offset + header.weight_bytes


def _counted(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} files of weights"
