"""Checks of a hub's responses: status, content type and lengths are checked before a byte is used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from hostd.domain.units import format_bytes
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_EMPTY = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
# Hugging Face answers 401 where there is nothing, so as not to tell what is private; this header of its tells the two apart.
_MISSING = {
    "RepoNotFound": "the owner and the model (or give HF_TOKEN a token that may read it, if it is private)",
    "RevisionNotFound": "the revision",
    "EntryNotFound": "the file",
}
_ALL = "the owner, the model, the file and the revision"


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes *first* to *stop* of a file; with *whole*, a document of at most *stop* bytes."""

    first: int
    stop: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class HubResponse:
    """A response: *size* is that of the whole file in bytes, None if the server did not tell.

    *url* is where it was found in the end; *headers* are the headers of all steps on the way, in lower case, those of earlier
    steps before those of later ones.
    """

    body: bytes
    url: str
    size: int | None
    headers: Mapping[str, str]


def shown_url(url: str) -> str:
    """Return *url* for a message: without user, password and query, which may be a signature, and shortened."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def check_status(status: int, headers: Mapping[str, str], url: str) -> None:
    """Raise unless *status* is a success; *headers* are the headers, by names in lower case.

    Raises:
        ModelNotFound: 404.
        HubUnreachable: The hub is overloaded or broken.
        ModelUnreadable: Anything else but 200 and 206.
    """
    where = shown_url(url)
    if status in (200, 206):
        return
    missing = _MISSING.get(headers.get("x-error-code") or "")
    if missing or status == 404:
        raise ModelNotFound(f"{where} does not exist; check the spelling of {missing or _ALL}")
    if status in (401, 403):
        raise ModelUnreadable(
            f"access to {where} is restricted (HTTP {status}); accept the model's terms on its page and give HF_TOKEN a token "
            "that may read it, or check the name"
        )
    if status == 416:
        told = _EMPTY.fullmatch(headers.get("content-range") or "")
        size = f" ends after {int(told[1])} bytes" if told else " is shorter than its own header says"
        raise ModelUnreadable(f"{where}{size}: the file is cut off, and its owner must upload it again")
    if status == 429 or status >= 500:
        wait = headers.get("retry-after") or ""
        when = f"in {wait} s" if _NUMBER.fullmatch(wait) else "later"
        overload = HubUnreachable(f"{where} answered HTTP {status}; try again {when}")
        overload.retry_after = float(wait) if _NUMBER.fullmatch(wait) else None
        raise overload
    raise ModelUnreadable(f"{where} answered HTTP {status}, which is no answer to a plain GET; is it a hub of models?")


def check_content(headers: Mapping[str, str], url: str, *, page: bool = False) -> None:
    """Raise for a body that is compressed, and, unless it may be one, for a web *page*.

    Raises:
        ModelUnreadable: The body is one of them.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ModelUnreadable(
            f"{shown_url(url)} came packed as {encoding[:20]} although that was ruled out; a proxy on the way?"
        )
    if not page and headers.get("content-type", "").lower().startswith("text/html"):
        raise ModelUnreadable(
            f"{shown_url(url)} is a web page, not a file of weights; is there a login or a portal on the way?"
        )


def body_limit(status: int, headers: Mapping[str, str], url: str, want: ByteRange) -> tuple[int, int | None]:
    """Return how many bytes of a body to read, and the size of the whole file if it is told.

    Raises:
        ModelUnreadable: It is another part than was wanted, or longer than it may be.
    """
    check_content(headers, url, page=want.whole)
    if status == 206:
        first, last, size = told_range(headers, url)
        if first != want.first or last >= want.stop or last < first or (size is not None and last >= size):
            raise ModelUnreadable(
                f"{shown_url(url)} was asked for bytes {want.first} to {want.stop - 1} and sent '{headers['content-range'][:80]}'; "
                "such a server cannot be used"
            )
        if size is not None and last + 1 < min(want.stop, size):
            raise HubUnreachable(f"{shown_url(url)} sent {last + 1 - first} of {want.stop - first} bytes; try again")
        return last + 1 - first, size
    told = headers.get("content-length") or ""
    size = int(told) if _NUMBER.fullmatch(told) else None
    if want.whole and size is not None and size > want.stop:
        raise ModelUnreadable(
            f"{shown_url(url)} is {format_bytes(size)} long; more than {format_bytes(want.stop)} cannot be right"
        )
    return want.stop + want.whole, size


def told_range(headers: Mapping[str, str], url: str) -> tuple[int, int, int | None]:
    """Return the first and the last byte of a part, and the size of the whole file if it is told.

    Raises:
        ModelUnreadable: The server does not say which part it sent.
    """
    told = _RANGE.fullmatch(headers.get("content-range") or "")
    if told is None:
        raise ModelUnreadable(
            f"{shown_url(url)} sent a part without saying which (Content-Range); such a server cannot be used"
        )
    return int(told[1]), int(told[2]), None if told[3] == "*" else int(told[3])
