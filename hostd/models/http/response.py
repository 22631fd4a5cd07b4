"""What a hub's answer is worth: its status, its lengths and its kind are judged here before a byte of it is believed."""

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from hostd.domain.units import format_bytes
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable

_SPAN = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_EMPTY = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_BLOCK = 1 << 18
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
    """What was read: *size* is that of the whole file, None if the server did not tell.

    *url* is where it was found in the end; *facts* are the headers of all steps on the way, in lower case, those of earlier
    steps before those of later ones.
    """

    body: bytes
    url: str
    size: int | None
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BodyStream:
    """A file on its way: what comes begins at byte *first* of it.

    *size* is that of the whole file, None if the server did not tell. *validator* is what tells this content from another in an
    ``If-Range``, empty where the server has nothing strong enough.
    """

    response: http.client.HTTPResponse
    url: str
    first: int
    size: int | None
    validator: str

    def read(self, most: int) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            Unreachable: The line broke, or was silent for too long.
        """
        return _block(self.response, self.url, min(_BLOCK, most))


def place(url: str) -> str:
    """Return *url* for a sentence: without what may be a signature, and not too long."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def read(response: http.client.HTTPResponse, url: str, want: ByteRange, until: float) -> tuple[bytes, int | None]:
    """Return the bytes that were wanted (fewer where the file ends) and the size of the whole file, if it was told.

    *until* is on the monotonic clock.

    Raises:
        NotThere: The hub has no such file.
        Unreachable: The answer broke off or took too long.
        Unreadable: The answer is a refusal, or cannot be right.
    """
    _judge(response, url, pages=want.whole)
    if response.status == 206:
        return _partial(response, url, want, until)
    size = _length(response)
    if want.whole and size is not None and size > want.stop:
        raise ModelUnreadable(
            f"{place(url)} is {format_bytes(size)} long; more than {format_bytes(want.stop)} cannot be right"
        )
    # A server that knows no ranges sends the file from its beginning: the part before `first` is read and dropped.
    body = _body(response, url, want.stop + want.whole, until)
    if want.whole and len(body) > want.stop:
        raise ModelUnreadable(f"{place(url)} is longer than {format_bytes(want.stop)}; that cannot be right")
    return body[want.first :], size


def begin(response: http.client.HTTPResponse, url: str, first: int) -> BodyStream:
    """Return the body of an answer to a request for all bytes from *first* on; raises as `read` does.

    A server that knows no ranges, or whose file is another by now, sends it from its beginning.
    """
    _judge(response, url, pages=False)
    etag = response.headers.get("etag", "")
    validator = etag if etag.startswith('"') and etag.isascii() and etag.isprintable() else ""
    if response.status == 200:
        return BodyStream(response, url, 0, _length(response), validator)
    told = _SPAN.fullmatch(response.headers.get("content-range") or "")
    if told is None or int(told[1]) != first or int(told[2]) < first:
        raise ModelUnreadable(
            f"{place(url)} was asked for what follows byte {first} and sent '{told[0] if told else 'a part of its own'}'; "
            "such a server cannot be used"
        )
    return BodyStream(response, url, first, None if told[3] == "*" else int(told[3]), validator)


def _judge(response: http.client.HTTPResponse, url: str, *, pages: bool) -> None:
    judge_status(response.status, response.headers, url)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ModelUnreadable(
            f"{place(url)} came packed as {encoding[:20]} although that was ruled out; a proxy on the way?"
        )
    if not pages and response.headers.get("content-type", "").lower().startswith("text/html"):
        raise ModelUnreadable(
            f"{place(url)} is a web page, not a file of weights; is there a login or a portal on the way?"
        )


def judge_status(status: int, headers: Message, url: str) -> None:
    """Refuse what is no success.

    Raises:
        NotThere: 404.
        Unreachable: The hub is overloaded or broken.
        Unreadable: Anything else but 200 and 206.
    """
    where = place(url)
    if status in (200, 206):
        return
    missing = _MISSING.get(headers.get("x-error-code") or "")
    if missing or status == 404:
        raise ModelNotFound(f"{where} does not exist; check the spelling of {missing or _ALL}")
    if status in (401, 403):
        raise ModelUnreadable(
            f"{where} is not for everybody (HTTP {status}); accept the model's terms on its page and give HF_TOKEN a token "
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


def _partial(response: http.client.HTTPResponse, url: str, want: ByteRange, until: float) -> tuple[bytes, int | None]:
    told = _SPAN.fullmatch(response.headers.get("content-range") or "")
    if told is None:
        raise ModelUnreadable(
            f"{place(url)} sent a part without saying which (Content-Range); such a server cannot be used"
        )
    first, last = int(told[1]), int(told[2])
    size = None if told[3] == "*" else int(told[3])
    if first != want.first or last >= want.stop or last < first or (size is not None and last >= size):
        raise ModelUnreadable(
            f"{place(url)} was asked for bytes {want.first} to {want.stop - 1} and sent '{told[0]}'; "
            "such a server cannot be used"
        )
    body = _body(response, url, last + 1 - first, until)
    if len(body) < last + 1 - first or (size is not None and last + 1 < min(want.stop, size)):
        raise HubUnreachable(f"{place(url)} broke off after {len(body)} of {want.stop - want.first} bytes; try again")
    return body, size


def _body(response: http.client.HTTPResponse, url: str, most: int, until: float) -> bytes:
    """Return the body's first *most* bytes, or all of it."""
    blocks, count = [], 0
    while count < most and (block := _block(response, url, min(_BLOCK, most - count))):
        blocks.append(block)
        count += len(block)
        if time.monotonic() > until:
            raise HubUnreachable(f"{place(url)} is too slow: {format_bytes(count)} came before time ran out; try again")
    return b"".join(blocks)


def _block(response: http.client.HTTPResponse, url: str, most: int) -> bytes:
    try:
        block = response.read1(most)
    except TimeoutError as error:
        raise HubUnreachable(f"{place(url)} stopped sending; try again") from error
    except (OSError, http.client.HTTPException) as error:
        raise HubUnreachable(f"the line to {place(url)} broke; try again") from error
    if not block and response.length:
        raise HubUnreachable(f"{place(url)} broke off with {format_bytes(response.length)} still to come; try again")
    return block


def _length(response: http.client.HTTPResponse) -> int | None:
    told = response.headers.get("content-length") or ""
    return int(told) if _NUMBER.fullmatch(told) else None
