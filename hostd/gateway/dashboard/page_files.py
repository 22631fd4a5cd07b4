"""The files of the page, as they are sent: read once, each with its type, its tag, and packed where that saves something."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "files"
INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file: its bytes, the same packed by gzip, and *etag* of the former."""

    content_type: str
    body: bytes
    packed: bytes
    etag: str


def page_files() -> dict[str, PageFile]:
    """Return the files by name. They are part of the program, so that they need to be read once. Blocks."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(_TYPES[path.suffix], body, gzip.compress(body, mtime=0), f'"{sha256(body).hexdigest()[:20]}"')
