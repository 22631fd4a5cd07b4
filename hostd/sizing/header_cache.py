"""Headers of models, read again only when their files have changed."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from hostd.models.header import ModelHeader
from hostd.models.locations import ModelLocations
from hostd.models.open import open_header
from hostd.models.reference import FileReference, HubReference, OllamaReference

Mark = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Read:
    header: ModelHeader
    mark: Mark


class HeaderCache:
    """Opens references as `open_header` does and caches headers of files on this host; threads may share it."""

    def __init__(self, places: ModelLocations) -> None:
        self._places = places
        self._known: dict[str, _Read] = {}
        self._reading = Lock()

    def open(self, reference: FileReference | HubReference | OllamaReference) -> ModelHeader:
        """Return the header of the model that *reference* names; raises as `open_header` does."""
        with self._reading:
            known = self._known.get(repr(reference))
            if known is not None and known.mark == _mark(known.header):
                return known.header
            header = open_header(reference, self._places)
            # A header from a hub has no file whose change could be noticed; the header store keeps those by ETag.
            if header.path is not None:
                self._known[repr(reference)] = _Read(header, _mark(header))
            return header


def _mark(header: ModelHeader) -> Mark:
    """Return what changes when the files of a model do: size and time of each, and of its folder, where a tower may appear."""
    path = header.path
    if path is None:
        return ()
    folder = path if path.is_dir() else path.parent
    files = (path, *(folder / file.name for file in header.files))
    return tuple(_seen(each) for each in dict.fromkeys((folder, *files)))


def _seen(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), about.st_size, about.st_mtime_ns
