"""Headers of local models: a GGUF file with its parts, or a folder with safetensors and their configuration."""

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.header import ModelHeader
from hostd.models.model_files import is_projector, models, parts_of
from hostd.models.partial_read import HeaderRead, Parse, T, read_header
from hostd.models.read import read_checkpoint, read_gguf_parts, read_model

_MOST_NAMES = 10_000


class LocalFile:
    """A file on disk, read in bounded pieces: a mapping of a file that shrinks meanwhile would end the process."""

    # Reading a little more costs less than parsing twice; this holds most headers whole.
    begin = 8 << 20

    def __init__(self, path: Path) -> None:
        self._path = path
        self.label = str(path)
        self.size: int | None = None

    def read(self, first: int, stop: int) -> bytes:
        """Return a piece.

        Raises:
            ModelNotFound: There is no such file.
            ModelUnreadable: It is no regular file, or may not be read.
        """
        try:
            # Opening a pipe or a device could wait for ever, or act.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode):
                    raise ModelUnreadable(f"{self._path} is not a regular file; name the file of weights itself")
                self.size = about.st_size
                return os.pread(descriptor, stop - first, first)
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            raise ModelNotFound(f"there is no file {self._path}; correct the path or download the model") from error
        except OSError as error:
            raise ModelUnreadable(
                f"{self._path} cannot be read: {error.strerror}; give this user access to it"
            ) from error


class LocalFolder:
    """A local folder as a `FileSource`."""

    def __init__(self, root: Path, *, name: str | None = None, label: str | None = None) -> None:
        self.root = root
        self.name = name or root.name or str(root)
        self.label = label or str(root)

    def files(self) -> Mapping[str, int | None]:
        """Return the regular files in the folder, or, where that holds no weights, in those directly below it."""
        try:
            found = _regular(self.root)
            if not any(name.endswith((".gguf", ".safetensors")) for name in found):
                for below in sorted(path for path in self.root.iterdir() if path.is_dir()):
                    with suppress(OSError):
                        found |= {f"{below.name}/{name}": size for name, size in _regular(below).items()}
        except OSError as error:
            raise ModelUnreadable(
                f"{self.root} cannot be read: {error.strerror}; give this user access to it"
            ) from error
        return found

    def path(self, name: str) -> Path | None:
        """Return where that file, or for an empty name the folder, is."""
        return self.root / name if name else self.root

    def document(self, name: str, limit: int) -> bytes:
        """Return a small file; raises as `LocalFile.read` does, and Unreadable where it is longer than *limit*."""
        file = LocalFile(self.root / name)
        text = file.read(0, limit)
        if file.size is not None and file.size > limit:
            raise ModelUnreadable(
                f"{file.label} has {file.size} bytes, which is too many for what it is; download it again"
            )
        return text

    def headers(self, names: Sequence[str], parse: Parse[T]) -> list[HeaderRead[T]]:
        """Return the headers of files; raises as `read_header` does."""
        return [read_header(LocalFile(self.root / name), parse) for name in names]


def open_path(path: Path) -> ModelHeader:
    """Return the header of the model at *path*: a .gguf file, a .safetensors file with its configuration, or a folder.

    Raises:
        ModelNotFound: There is none, or a part of it is missing.
        ModelUnreadable: It is not as it should be.
    """
    if os.path.isdir(path):  # noqa: PTH112 - where this may not be looked at, opening it says so
        return read_model(LocalFolder(path))
    folder = LocalFolder(path.parent, label=str(path.parent))
    if path.suffix == ".safetensors":
        LocalFile(path).read(0, 1)  # whatever is wrong with the file itself is said first
        return read_model(folder, path.name)
    names = parts_of(path.name)
    missing = [name for name in names if not os.path.lexists(path.with_name(name))]
    if 0 < len(missing) < len(names):
        raise ModelNotFound(
            f"{path} is one of {len(names)} parts of a model, and {missing[0]} is not beside it; download the missing parts"
        )
    return read_gguf_parts(folder, names, _tower_beside(path))


def open_checkpoint(path: Path) -> ModelHeader:
    """Return the header of the model in safetensors that the folder *path* holds, whatever else is in it.

    Raises:
        ModelUnreadable: It is not as it should be.
    """
    return read_checkpoint(LocalFolder(path))


def _tower_beside(path: Path) -> str | None:
    """Return the projector in the same folder, where it can belong to no other model."""
    if is_projector(path.name) or not os.path.isfile(path):  # noqa: PTH113 - as above
        return None
    try:
        names = [name for name in _regular(path.parent) if name.endswith(".gguf")]
    except OSError:
        return None  # a folder that may be entered and not listed
    towers = [name for name in names if is_projector(name)]
    return towers[0] if len(towers) == 1 and models(names) == [parts_of(path.name)] else None


def _regular(folder: Path) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if len(found) >= _MOST_NAMES:
                break
            # A link that leads to itself, or a file that has just gone, is none of the folder's.
            with suppress(OSError):
                if entry.is_file():
                    found[entry.name] = entry.stat().st_size
    return found
