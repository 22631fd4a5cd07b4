"""Models of Hugging Face: in the cache that its programs share, else at the hub, of which only headers are fetched.

Routes: https://huggingface.co/docs/hub/api; the cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.models.errors import ModelNotFound, ModelUnreadable
from hostd.models.header import ModelHeader
from hostd.models.http.client import Credential, is_loopback, origin
from hostd.models.local import LocalFolder
from hostd.models.locations import ModelLocations
from hostd.models.partial_read import HeaderRead, Parse, T
from hostd.models.read import read_model
from hostd.models.reference import HubReference, is_safe_file
from hostd.models.remote_headers import RemoteHeaders
from hostd.models.stored_models import COMMIT, cached_snapshot, file_address, list_addresses

_LISTING_MOST = 16 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file in a hub's list: its size in bytes, and its SHA-256 or else its git blob id; None where not listed."""

    size: int | None
    sha256: str | None = None
    git: str | None = None


def open_hub(reference: HubReference, locations: ModelLocations) -> ModelHeader:
    """Return the header of the model that *reference* names, from the local cache if it is there whole, else from the hub.

    Raises as `open_header` does.
    """
    snapshot = cached_snapshot(reference, locations.hub_cache)
    if snapshot is not None:
        folder = LocalFolder(
            snapshot, name=reference.repo, label=f"the Hugging Face cache, {reference.repo}@{snapshot.name[:7]}"
        )
        try:
            return read_model(folder, reference.file)
        except ModelNotFound:
            if locations.offline:
                raise
    with RemoteHeaders(locations, hub_credential(locations)) as remote:
        header = read_model(HubRepository(reference, locations.hub, remote), reference.file)
        return replace(header, ranges=remote.ranges, notes=(*header.notes, *remote.notes))


def hub_credential(locations: ModelLocations) -> Credential | None:
    """Return the owner's token for the hub; None without one, and over plain HTTP, where it could be read on the way."""
    if not locations.hub_token:
        return None
    scheme, host, _ = where = origin(locations.hub)
    if scheme != "https" and not is_loopback(host):
        return None
    return Credential(where, f"Bearer {locations.hub_token}")


class HubRepository:
    """One revision of a repository at the hub, as a place that holds files.

    The list of files is fetched only where it is needed, and pins everything after it to the commit that it came from.
    """

    def __init__(self, reference: HubReference, hub: str, remote: RemoteHeaders) -> None:
        self.name = reference.repo
        self._hub = hub
        self._remote = remote
        self._revision = reference.revision
        self._files: Mapping[str, ListedFile] | None = None

    @property
    def label(self) -> str:
        """The repository and its revision, for sentences."""
        short = self._revision[:7] if COMMIT.fullmatch(self._revision) else self._revision
        return f"Hugging Face, {self.name}@{short}"

    @property
    def commit(self) -> str | None:
        """The commit that the repository's files are read at, once a list named it."""
        return self._revision if self._fixed else None

    def files(self) -> Mapping[str, int | None]:
        """Return those of the repository's files whose names are safe; raises as `RemoteHeaders.document` does."""
        return {name: file.size for name, file in self.listed().items() if is_safe_file(name)}

    def listed(self) -> Mapping[str, ListedFile]:
        """Return the hub's list by names, which may be hostile; raises as `RemoteHeaders.document` does."""
        if self._files is None:
            first, older = list_addresses(self._hub, self.name, self._revision)
            fixed = COMMIT.fullmatch(self._revision) is not None
            try:
                self._files = self._parsed(self._remote.document(first, _LISTING_MOST, fixed=fixed))
            except ModelNotFound:
                self._files = self._parsed(self._remote.document(older, _LISTING_MOST, fixed=fixed))
        return self._files

    def path(self, name: str) -> None:
        """Return None: no file of it is on this machine."""
        del name

    def document(self, name: str, limit: int) -> bytes:
        """Return a small file; raises as `RemoteHeaders.document` does."""
        return self._remote.document(self.url(name), limit, fixed=self._fixed, accept="*/*")

    def headers(self, names: Sequence[str], parse: Parse[T]) -> list[HeaderRead[T]]:
        """Return the headers of files, by ranges; raises as `RemoteHeaders.headers` does."""
        return self._remote.headers([self.url(name) for name in names], parse, fixed=self._fixed)

    @property
    def _fixed(self) -> bool:
        return COMMIT.fullmatch(self._revision) is not None

    def url(self, name: str) -> str:
        """Return where the hub has that file."""
        return file_address(self._hub, self.name, self._revision, name)

    def _parsed(self, text: bytes) -> dict[str, ListedFile]:
        """Return names, sizes and checksums from either route's answer, and pin the revision where the answer names its commit."""
        try:
            answer = json.loads(text)
            entries = answer["siblings"] if isinstance(answer, dict) else answer
            files = {
                str(entry.get("rfilename") or entry["path"]): _listed(entry)
                for entry in entries
                if entry.get("type", "file") == "file"
            }
            commit = answer.get("sha") if isinstance(answer, dict) else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelUnreadable(
                f"{self._hub} lists the files of {self.name} in a way that is not understood"
            ) from error
        if isinstance(commit, str) and COMMIT.fullmatch(commit):
            self._revision = commit
        return files


def _listed(entry: Mapping[str, object]) -> ListedFile:
    large, git = entry.get("lfs"), entry.get("blobId") or entry.get("oid")
    if isinstance(large, Mapping):
        digest = large.get("sha256") or large.get("oid")
        # The git blob id of a large file is that of a pointer to it, and no checksum of its content.
        return ListedFile(_size(large) or _size(entry), _match(_SHA256, digest))
    return ListedFile(_size(entry), None, _match(COMMIT, git))


def known_by_etag(size: int | None, etag: str | None) -> ListedFile:
    """Return what a hub's answer for one file says of it: its etag is one of the checksums, or something of its own."""
    return ListedFile(size, _match(_SHA256, etag), _match(COMMIT, etag))


def _match(pattern: re.Pattern[str], text: object) -> str | None:
    return text if isinstance(text, str) and pattern.fullmatch(text) else None


def _size(entry: Mapping[str, object]) -> int | None:
    size = entry.get("size")
    return size if type(size) is int and size >= 0 else None
