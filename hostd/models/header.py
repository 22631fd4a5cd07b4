"""A model's header: its shape, its files, and where it was read."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hostd.domain.shape import Shape
from hostd.planning.formats.gguf import GgufHeader


class Format(StrEnum):
    """How the weights are stored, which decides the engines that can serve them."""

    GGUF = "gguf"
    SAFETENSORS = "safetensors"
    MLX = "mlx"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a model's weights; *bytes* is its size on disk or on the hub."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """A model's shape and where its weights are.

    *source* says for people where the header was read. *path* is the model on this machine (the file, its first part, or the
    folder), None where it is not downloaded. *gguf* is the header itself, of all parts together, for engines that can plan on
    it. *projector* is the model's separate vision or audio tower, *adapter_bytes* what adapters add to the weights. *ranges*
    counts the pieces that were fetched from a hub for all this; *notes* are sentences on what was chosen or could not be checked.
    """

    name: str
    format: Format
    shape: Shape
    source: str
    files: tuple[WeightFile, ...]
    path: Path | None = None
    gguf: GgufHeader | None = None
    projector: Shape | None = None
    adapter_bytes: int = 0
    ranges: int = 0
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What tells this model from others when measurements of it are kept: its file's name and its size."""
        return f"{self.path.name if self.path else self.name}:{self.total_bytes}"

    @property
    def total_bytes(self) -> int:
        """Bytes of all files of the weights, without projector and adapters."""
        return sum(file.bytes for file in self.files)

    def __repr__(self) -> str:
        place = self.path or self.source
        return f"<ModelHeader {self.name} {self.format}: {len(self.files)} files, {self.total_bytes / 2**30:.2f} GiB, {place}>"
