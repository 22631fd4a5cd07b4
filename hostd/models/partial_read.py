"""Bounded reads of headers: a first piece, then as much as the parser asks for, at least doubling."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hostd.domain.units import format_bytes
from hostd.models.errors import DamagedModel, ModelUnreadable
from hostd.planning.formats.gguf import NeedMore
from hostd.planning.formats.gguf_cursor import GgufError, UnknownGguf
from hostd.planning.formats.safetensors import BadModel, UnknownTensorType

MOST = 64 << 20
"""Limit of a header in bytes; the largest known, with 262,144 tokens and their merges, has 15 MiB."""


class Parsed(Protocol):
    """A header of any format."""

    @property
    def data_offset(self) -> int:
        """Where the weights begin, in bytes from the beginning of the file."""


T = TypeVar("T", bound=Parsed)
Parse = Callable[[bytes, int | None], T | NeedMore]


class ByteSource(Protocol):
    """Bytes of a file, somewhere. *begin* is the length of a first piece that is worth its cost there."""

    label: str
    begin: int
    size: int | None

    def read(self, first: int, stop: int) -> bytes:
        """Return the bytes from *first* up to *stop*, fewer where the file ends; *size* may be known only after it."""


@dataclass(frozen=True, slots=True)
class HeaderRead(Generic[T]):
    """A header, the size of its file in bytes (None where it is not told), and the bytes that it was parsed from."""

    header: T
    size: int | None
    data: bytes


def read_header(source: ByteSource, parse: Parse[T]) -> HeaderRead[T]:
    """Return the header of *source*.

    Raises:
        ModelUnreadable: The file has no valid header, or `ByteSource.read` failed.
    """
    data, want = b"", source.begin
    while True:
        if source.size is not None:
            want = min(want, source.size)
        data += source.read(len(data), want)
        ended = len(data) < want or want == source.size
        size = source.size if source.size is not None else len(data) if ended else None
        found = parse_bytes(source.label, parse, data, size)
        if not isinstance(found, NeedMore):
            return HeaderRead(found, size, data[: found.data_offset])
        if ended:
            raise ModelUnreadable(
                f"{source.label} ends after {len(data)} bytes, within its own header; download it again"
            )
        if found.bytes > MOST:
            raise ModelUnreadable(
                f"{source.label} has a header of more than {format_bytes(found.bytes - 1)}; no known model has more than "
                f"{format_bytes(MOST)}, so it is damaged or hostile"
            )
        want = min(max(found.bytes, 2 * len(data)), MOST)


def parse_bytes(label: str, parse: Parse[T], data: bytes, size: int | None) -> T | NeedMore:
    """Parse *data*, and add the name of the file to an error of the parser.

    Raises:
        ModelUnreadable: The parser does not know what the bytes say; `DamagedModel` where they cannot be a model's.
    """
    try:
        return parse(data, size)
    except (UnknownGguf, UnknownTensorType) as error:
        raise ModelUnreadable(f"{label}: {error.message}") from error
    except (GgufError, BadModel) as error:
        raise DamagedModel(f"{label}: {error.message}") from error
