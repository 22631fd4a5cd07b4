"""Headers and documents from a hub, through the cache; what an address with a commit or digest names is fetched once only."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self

from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.header_store import CachedHeader, HeaderStore
from hostd.models.http.client import PATIENCE, Credential, HubClient
from hostd.models.http.response import HubResponse, shown_url
from hostd.models.locations import ModelLocations
from hostd.models.partial_read import HeaderRead, Parse, T, parse_bytes, read_header
from hostd.planning.formats.gguf import NeedMore

AT_ONCE = 6
"""Connections to one hub, where a model has many files."""


class RemoteFile:
    """A file on a hub, read by ranges; later ranges are asked of the address that the first redirect led to."""

    # Tokenizers of 32,000 entries with scores, and the tables of tensors of most models, fit; larger ones take some doublings.
    begin = 1 << 20

    def __init__(self, client: HubClient, url: str) -> None:
        self._client = client
        self._url = url
        self._where = url
        self.label = shown_url(url)
        self.size: int | None = None
        self.etag = ""

    def read(self, first: int, stop: int) -> bytes:
        """Return a range; raises as `HubClient.span` does, and ModelUnreadable where the file's size changes between ranges."""
        answer = self._piece(first, stop)
        if self.size not in (None, answer.size):
            raise ModelUnreadable(f"{self.label} is said to have {self.size} bytes, and then {answer.size}; try again")
        told = answer.headers.get("x-linked-size", "")
        if answer.size is not None and told.isdecimal() and int(told) != answer.size:
            raise ModelUnreadable(
                f"{self.label} is said to have {told} bytes by its hub and {answer.size} where it is stored"
            )
        self.size, self._where = answer.size, answer.url
        self.etag = self.etag or content_etag(answer.headers)
        return answer.body

    def _piece(self, first: int, stop: int) -> HubResponse:
        try:
            return self._client.span(self._where, first, stop)
        except HubUnreachable:
            raise
        except ModelUnreadable:
            if self._where == self._url:
                raise
            return self._client.span(self._url, first, stop)  # a redirect leads to a signed address, which expires


class RemoteHeaders:
    """Reads headers of a hub, and caches them; with `ModelLocations.offline`, from the cache alone.

    *notes* are sentences for the owner, *ranges* counts the ranges fetched.
    """

    def __init__(
        self, locations: ModelLocations, credential: Credential | None = None, *, patience: float = PATIENCE
    ) -> None:
        self._connect = partial(HubClient, credential, patience=patience)
        self._store = HeaderStore(locations.headers)
        self._offline = locations.offline
        self._stored_first = locations.stored_first
        self._client = self._connect()
        self.notes: list[str] = []
        self.ranges = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def document(self, url: str, limit: int, *, fixed: bool, accept: str = "application/json") -> bytes:
        """Return the document at *url*; a *fixed* one never changes. Raises as `HubClient.document` does."""
        kept = self._store.get(url)
        if kept and fixed:
            return kept.data
        try:
            answer = self._online(url).document(url, limit, accept)
        except HubUnreachable:
            if kept is None:
                raise
            self._unchecked(url)
            return kept.data
        self._store.put(CachedHeader(url, content_etag(answer.headers), answer.size, answer.body))
        return answer.body

    def header(self, url: str, parse: Parse[T], *, fixed: bool) -> HeaderRead[T]:
        """Return the header of the file at *url*; raises as `read_header` does."""
        read, ranges = self._header(self._client, url, parse, fixed)
        self.ranges += ranges
        return read

    def headers(self, urls: Sequence[str], parse: Parse[T], *, fixed: bool) -> list[HeaderRead[T]]:
        """Return the headers of several files, some at once; raises as `read_header` does."""
        if len(urls) == 1:
            return [self.header(urls[0], parse, fixed=fixed)]

        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - costs 10 ms, which models in one file do without

        def one(url: str) -> tuple[HeaderRead[T], int]:
            with self._connect() as client:
                return self._header(client, url, parse, fixed)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(one, urls))
        self.ranges += sum(ranges for _, ranges in results)
        return [read for read, _ in results]

    def _header(self, client: HubClient, url: str, parse: Parse[T], fixed: bool) -> tuple[HeaderRead[T], int]:
        before = client.ranges
        kept = self._store.get(url)
        if kept and (fixed or self._holds(client, kept)):
            found = parse_bytes(shown_url(url), parse, kept.data, kept.size)
            if not isinstance(found, NeedMore):
                return HeaderRead(found, kept.size, kept.data), 0
        file = RemoteFile(self._online(url, client), url)
        read = read_header(file, parse)
        self._store.put(CachedHeader(url, file.etag, read.size, read.data))
        return read, client.ranges - before

    def _holds(self, client: HubClient, kept: CachedHeader) -> bool:
        """Return whether the cached header is still that of the file; True where the hub cannot be asked."""
        try:
            return bool(kept.etag) and kept.etag == content_etag(self._online(kept.url, client).head(kept.url))
        except HubUnreachable:
            self._unchecked(kept.url)
            return True
        except ModelUnreadable:
            return False  # not every hub answers HEAD; reading the file decides

    def _unchecked(self, url: str) -> None:
        # Where nobody wanted to ask, that is no news.
        if self._stored_first:
            return
        self.notes.append(f"{shown_url(url)} could not be asked, so what it said last time was used")

    def _online(self, url: str, client: HubClient | None = None) -> HubClient:
        if self._offline:
            raise HubUnreachable(f"{shown_url(url)} is not asked, because HF_HUB_OFFLINE or HOSTD_OFFLINE says so")
        return client or self._client


def content_etag(headers: Mapping[str, str]) -> str:
    """Return what identifies the content of a file: the hub's etag for large files, else the server's."""
    told = headers.get("x-linked-etag") or headers.get("etag") or ""
    return told.removeprefix("W/").strip('"')[:200]
