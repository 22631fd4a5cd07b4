"""Byte streams of files to download, from any byte on: by plain HTTP, or by Xet, the storage of Hugging Face.

Both use the hub's own client library, which takes a third of a second to import, so only pulls import it. It does not download
large files whole: since its version 1 it deletes what was downloaded when it is interrupted, and hostd resumes.
"""

import logging
import os
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from hostd.domain.errors import HostdError
from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.http.client import REDIRECTS, is_private, origin, refuse_link_local
from hostd.models.http.response import check_content, check_status, shown_url, told_range

if TYPE_CHECKING:
    from types import ModuleType

    from huggingface_hub import HfFileMetadata

PATIENCE = 30.0
"""Seconds of silence after which a connection counts as broken."""

# Read by the library and by Xet at import. Xet's buffers would take up to 8 GB of memory, which engines need.
_ENVIRONMENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_SYMLINKS_WARNING": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_XET_TELEMETRY_ENABLED": "0",
    "HF_XET_CLIENT_READ_TIMEOUT": "60s",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_LIMIT": "512mb",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_SIZE": "256mb",
    "HF_XET_RECONSTRUCTION_MIN_PREFETCH_BUFFER": "128mb",
}
_BLOCKS_AHEAD = 4


@dataclass(frozen=True, slots=True)
class ByteStream:
    """Bytes on their way: *blocks* begin at byte *first* of a file of *size* bytes (None where that is not told)."""

    first: int
    size: int | None
    blocks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class HubFiles:
    """The files of one repository of the *hub* at one *commit*, and the *cache* that programs of Hugging Face share."""

    hub: str
    repo: str
    commit: str
    cache: Path
    token: str | None = field(default=None, repr=False)

    def metadata(self, name: str) -> "HfFileMetadata":
        """Return the hub's metadata of a file: size in bytes, etag, commit, and where it is stored.

        Raises:
            ModelNotFound: The hub has no such file.
            HubUnreachable: The hub does not answer, or not now.
            ModelUnreadable: The hub refuses.
        """
        hub = library()
        url = hub.hf_hub_url(self.repo, name, revision=self.commit, endpoint=self.hub)
        with hub_errors(url):
            found: HfFileMetadata = hub.get_hf_file_metadata(
                url, token=self.token or False, endpoint=self.hub, library_name="hostd"
            )
            return found

    @contextmanager
    def open(self, name: str, first: int) -> Iterator[ByteStream]:
        """Ask for a file from byte *first* on; raises as `metadata` does, also while its blocks are taken."""
        found = self.metadata(name)
        headers = library().utils.build_hf_headers(token=self.token or False, library_name="hostd")
        xet = found.xet_file_data
        if xet and found.size and _xet_is_usable():
            _refuse_link_local(xet.refresh_route)
            with xet_blocks(
                xet.file_hash, found.size, first, xet.refresh_route, self._for(xet.refresh_route, headers)
            ) as blocks:
                yield ByteStream(first, found.size, blocks)
        else:
            with http_blocks(found.location, first, self._for(found.location, headers), self.hub) as stream:
                yield stream

    def download(self, name: str) -> Path:
        """Let the library fetch a file, or link its blob if that exists, and return its path; raises as `metadata` does."""
        hub = library()
        with hub_errors(f"{self.hub}/{self.repo}/{name}"):
            return Path(
                hub.hf_hub_download(
                    self.repo,
                    name,
                    revision=self.commit,
                    cache_dir=self.cache,
                    endpoint=self.hub,
                    token=self.token or False,
                    library_name="hostd",
                )
            )

    def _for(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return *headers* with the token only where *url* is of the hub's own origin."""
        own = origin(url) == origin(self.hub)
        return {name: value for name, value in headers.items() if own or name.lower() != "authorization"}


def library() -> "ModuleType":
    """Import the hub's client library, without its telemetry, progress bars and log."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import huggingface_hub.constants  # noqa: PLC0415 - see the module's docstring
    import huggingface_hub.errors  # noqa: PLC0415 - as above
    import huggingface_hub.utils  # noqa: PLC0415 - as above

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    return huggingface_hub


def current_token(otherwise: str | None) -> str | None:
    """Return the owner's token, renewed by the library if it is of a browser login and has expired."""
    with suppress(Exception):
        return library().get_token() or otherwise
    return otherwise


@contextmanager
def hub_errors(url: str) -> Iterator[None]:
    """Turn the library's errors into those of `hostd.models.errors`; errors of the disk pass."""
    errors = library().errors
    try:
        yield
    except HostdError:
        raise
    except errors.HfHubHTTPError as error:
        response = error.response
        check_status(response.status_code, response.headers, url)
        raise HubUnreachable(f"{shown_url(url)} gave an answer that is not understood; try again") from error
    except (errors.LocalEntryNotFoundError, ConnectionError) as error:
        raise HubUnreachable(f"{shown_url(url)} cannot be reached; is this machine online?") from error
    except OSError:
        raise
    except Exception as error:  # the library's transports, Xet among them, have no base in common
        raise HubUnreachable(f"{shown_url(url)} broke off ({type(error).__name__}); try again") from error


@contextmanager
def http_blocks(url: str, first: int, headers: Mapping[str, str], hub: str = "") -> Iterator[ByteStream]:
    """Ask for the file at *url*, to which *hub* led, from byte *first* on; a server without ranges begins at 0.

    Raises as `HubFiles.metadata` does.
    """
    asked = {**headers, "accept-encoding": "identity"} | ({"range": f"bytes={first}-"} if first else {})
    with hub_errors(url), closing(_final_response(url, asked, hub or url)) as response:
        if peer := response.extensions["network_stream"].get_extra_info("server_addr"):
            refuse_link_local(peer[0])
        check_status(response.status_code, response.headers, url)
        check_content(response.headers, url)
        if response.status_code == 206:
            begin, _, size = told_range(response.headers, url)
        else:
            length = response.headers.get("content-length", "")
            begin, size = 0, int(length) if length.isdecimal() else None
        if begin not in (0, first):
            raise ModelUnreadable(
                f"{shown_url(url)} was asked for what follows byte {first} and sent another part; such a server cannot be used"
            )
        yield ByteStream(begin, size, response.iter_raw())


def _final_response(url: str, headers: Mapping[str, str], hub: str) -> Any:
    """Return what answers in the end, redirects followed: each is looked at before anything is sent to where it leads.

    Raises:
        ModelUnreadable: One leads in a circle, to what is no address of a hub, to a link-local one, or from https to http.
        HubUnreachable: One leads to a private address where nothing answers.
    """
    session = library().utils.get_session()
    request = session.build_request("GET", url, headers=headers, timeout=PATIENCE)
    for _ in range(REDIRECTS):
        where = str(request.url)
        scheme, host, _ = origin(where)
        if scheme != "https" and origin(url)[0] == "https":
            raise ModelUnreadable(f"{shown_url(url)} redirects from https to http; that is not followed")
        _refuse_link_local(where)
        try:
            response = session.send(request, stream=True, follow_redirects=False)
        except Exception as error:
            if host == origin(hub)[1] or not is_private(host):
                raise
            raise HubUnreachable(
                f"{shown_url(hub)} sends to {shown_url(where)}, a private address that cannot be reached from here; is this "
                "machine in its network?"
            ) from error
        if response.next_request is None:
            return response
        request = response.next_request
        response.close()
    raise ModelUnreadable(f"{shown_url(url)} redirects in a circle or more than {REDIRECTS - 1} times; ask its owner")


def _refuse_link_local(url: str) -> None:
    """Raise as `refuse_link_local` does if the host of *url* has such an address; one that only a proxy knows has none here."""
    _, host, port = origin(url)
    found: Collection[Any] = ()
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, where in found:
        refuse_link_local(str(where[0]))


def _xet_is_usable() -> bool:
    with suppress(ImportError):  # not every platform has its package
        import hf_xet  # type: ignore[import-untyped]  # noqa: F401, PLC0415 - see the module's docstring

        return not library().constants.HF_HUB_DISABLE_XET
    return False


@contextmanager
def xet_blocks(
    digest: str, size: int, first: int, tokens: str, headers: Mapping[str, str]
) -> Iterator[Iterator[bytes]]:
    """Ask Xet for the file of that *digest* from byte *first* on; *tokens* is where the hub hands out access tokens."""
    import hf_xet  # noqa: PLC0415 - see the module's docstring

    session, queue, over = hf_xet.XetSession(), Queue[bytes | BaseException](_BLOCKS_AHEAD), Event()

    def put(block: bytes | BaseException) -> None:
        while not over.is_set():
            with suppress(Full):
                queue.put(block, timeout=0.1)
                return

    def work() -> None:
        try:
            group = session.new_download_stream_group(token_refresh_url=tokens, token_refresh_headers=dict(headers))
            for block in group.download_stream(hf_xet.XetFileInfo(digest, size), start=first):
                put(block)
            put(b"")
        except BaseException as error:  # noqa: BLE001 - raised again where the blocks are taken
            put(error)

    def blocks() -> Iterator[bytes]:
        while block := queue.get():
            if isinstance(block, BaseException):
                raise block
            yield block

    # Xet blocks in native code, which Ctrl+C does not interrupt: it runs in a thread, and is aborted here.
    worker = Thread(target=work, daemon=True)
    worker.start()
    try:
        with hub_errors(tokens):
            yield blocks()
    finally:
        over.set()
        session.sigint_abort()
        worker.join()
