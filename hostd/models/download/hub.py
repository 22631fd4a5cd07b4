"""Downloads from Hugging Face, into the cache that its programs share.

The hub's own library lays out the cache: it links the blobs that are downloaded here under their names. Reference:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from urllib.parse import quote

from hostd.models.download.selection import refuse_hostile, select
from hostd.models.download.source import HubFiles, current_token
from hostd.models.download.transfer import DownloadFile, Pause, ProgressListener, fetch, wrong_checksum
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.http.client import HubClient
from hostd.models.huggingface import HubRepository, ListedFile, hub_credential, known_by_etag
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference
from hostd.models.remote_headers import RemoteHeaders
from hostd.models.stored_models import repository_folder

_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_SEARCH_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class HubDownload:
    """The files of one model at one commit. *path* is what an engine is told: the first file, or the folder."""

    reference: HubReference
    items: tuple[DownloadFile, ...]
    path: Path
    notes: tuple[str, ...]
    hub: HubFiles

    @property
    def folder(self) -> Path:
        """The root of the cache."""
        return self.hub.cache

    def here(self, file: DownloadFile) -> bool:
        """Return whether *file* is whole: under its checksum, or, where links cannot be made, under its name."""
        return any(
            path.is_file() and path.stat().st_size == file.size for path in (file.blob, self._snapshot / file.name)
        )

    def unlinked(self) -> list[DownloadFile]:
        """Return the files that are here only as blobs: no program has shown them under their names at this commit."""
        return [file for file in self.items if file.blob.is_file() and not (self._snapshot / file.name).is_file()]

    def fetch(self, listener: ProgressListener, pause: Pause = time.sleep) -> None:
        """Download every missing file, then point the branch or tag to this commit; raises as `transfer.fetch` does."""
        for file in self.items:
            shown = self._snapshot / file.name
            if not self.here(file):
                for cut in (shown, file.blob):  # the library trusts a file that exists
                    cut.unlink(missing_ok=True)
            if file.sha256:
                fetch(file, partial(self.hub.open, file.name), listener, here=self.here, pause=pause)
            if not shown.is_file():
                _check(self.hub.download(file.name), file)
                if not shown.is_symlink():  # on a disk without links the library copies, and two of a size are too many
                    file.blob.unlink(missing_ok=True)
            if not file.sha256:
                listener.moved(file.size)
        self._point()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do: all files are shown at this commit, and the branch or tag points to it."""
        return self._is_pointed and all(
            (self._snapshot / file.name).is_file() and self.here(file) for file in self.items
        )

    @property
    def _snapshot(self) -> Path:
        return self.hub.cache / repository_folder(self.hub.repo) / "snapshots" / self.hub.commit

    @property
    def _ref(self) -> Path:
        return self.hub.cache / repository_folder(self.hub.repo) / "refs" / self.reference.revision

    @property
    def _is_pointed(self) -> bool:
        if self.reference.revision == self.hub.commit:
            return True
        try:
            return self._ref.read_text(encoding="ascii") == self.hub.commit
        except (OSError, UnicodeDecodeError):
            return False

    def _point(self) -> None:
        """Write which commit the branch or tag names; the library would do so before all files are complete."""
        if self._is_pointed:
            return
        ref = self._ref
        ref.parent.mkdir(parents=True, exist_ok=True)
        draft = ref.with_name(f"{ref.name}.{os.getpid()}")
        draft.write_text(self.hub.commit, encoding="ascii")
        draft.replace(ref)


def plan_hub_download(
    reference: HubReference, locations: ModelLocations, *, projector: bool | None = None
) -> HubDownload:
    """Plan the download of *reference* from the hub's list of files; no file is fetched.

    Raises:
        ModelNotFound: The hub has no such repository, revision or file; the nearest are named.
        HubUnreachable: The hub cannot be asked.
        ModelUnreadable: The hub refuses, or what it lists must not be downloaded.
    """
    if locations.hub_token and not locations.offline:
        locations = replace(locations, hub_token=current_token(locations.hub_token))
    credential = hub_credential(locations)
    with RemoteHeaders(locations, credential) as remote:
        repository = HubRepository(reference, locations.hub, remote)
        try:
            listed = repository.listed()
        except ModelNotFound as error:
            raise ModelNotFound(
                f"{locations.hub} has no {reference}; check the spelling of the owner, the model and the revision, and give "
                f"HF_TOKEN a token if it is private{_nearest(reference, locations)}"
            ) from error
        refuse_hostile(listed, repository.label)
        selection = select(repository, reference.file, projector=projector)
        token = locations.hub_token if credential else None
        hub = HubFiles(
            locations.hub, reference.repo, repository.commit or reference.revision, locations.hub_cache, token
        )
        if _COMMIT.fullmatch(hub.commit) is None and not locations.offline:  # the list of a mirror may not name it
            hub = replace(hub, commit=hub.metadata(selection.names[0]).commit_hash or "")
        if _COMMIT.fullmatch(hub.commit) is None:
            raise ModelUnreadable(
                f"{locations.hub} does not say which commit of {reference.repo} it has; such a hub cannot be used"
            )
        home = locations.hub_cache / repository_folder(reference.repo)
        items = tuple(
            _file(name, _told(name, listed[name], hub, locations), home, locations.hub) for name in selection.names
        )
        notes = (*selection.notes, *remote.notes, *_about_token(locations), *_about_checksums(items, locations.hub))
        plan = HubDownload(reference, items, home / "snapshots" / hub.commit / selection.first, notes, hub)
        if not plan.is_complete:
            _refuse_links_out(locations.hub_cache, home, hub.commit, selection.names)
        return plan


def _refuse_links_out(cache: Path, home: Path, commit: str, names: Iterable[str]) -> None:
    """Refuse to write through a link that leads out of the cache: what it names may be another program's.

    Raises:
        ModelUnreadable: One of the folders that a download writes into is such a link.
    """
    snapshot, root = home / "snapshots" / commit, cache.resolve()
    shown = ((snapshot / name).parent for name in names)
    for folder in dict.fromkeys((home, home / "blobs", home / "refs", cache / ".locks" / home.name, *shown)):
        if not folder.resolve().is_relative_to(root):
            raise ModelUnreadable(
                f"{folder} is or lies below a link that leads out of the cache, to {folder.resolve()}, and nothing is written "
                "there; remove the link, or keep the whole cache elsewhere by HF_HOME or HF_HUB_CACHE"
            )


def _told(name: str, listed: ListedFile, hub: HubFiles, locations: ModelLocations) -> ListedFile:
    """Return what is known of a file: what the list says, or, where that has no size, what the hub says of the file itself."""
    if listed.size is not None or locations.offline:
        return listed
    found = hub.metadata(name)
    # A redirect without a length of its own comes through as 0.
    size = found.size or None
    return replace(listed, size=size) if listed.sha256 or listed.git else known_by_etag(size, found.etag)


def _file(name: str, listed: ListedFile, home: Path, hub: str) -> DownloadFile:
    if listed.size is None:
        raise ModelUnreadable(f"{hub} does not say how large {name} is; try another hub")
    # Without a checksum the library names the blob: nothing is looked for under this name.
    digest = listed.sha256 or listed.git or "unknown"
    blob = home / "blobs" / digest
    lock = home.parent / ".locks" / home.name / f"{digest}.lock"
    partial_file = blob.with_name(f"{digest}.incomplete")
    return DownloadFile(name, listed.size, blob, partial_file, lock, listed.sha256, listed.git)


def _check(path: Path, file: DownloadFile) -> None:
    """Check a small file, which the library fetched, against the list, and remove it if it differs.

    Raises:
        ModelUnreadable: It differs.
    """
    right = path.stat().st_size == file.size
    if right and file.git and not file.sha256:
        content = path.read_bytes()
        right = file.git == hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if not right:
        for each in (path.resolve(), path):
            each.unlink(missing_ok=True)
        raise ModelUnreadable(wrong_checksum(file.name))


def _about_token(locations: ModelLocations) -> tuple[str, ...]:
    if locations.hub_token and hub_credential(locations) is None:
        return (f"your token is not sent to {locations.hub}, for it could be read on the way; use https",)
    return ()


def _about_checksums(items: tuple[DownloadFile, ...], hub: str) -> tuple[str, ...]:
    names = [file.name for file in items if not file.sha256 and not file.git]
    if not names:
        return ()
    return (f"{hub} lists no checksum of {', '.join(names[:3])}: whether it comes undamaged cannot be checked",)


def _nearest(reference: HubReference, locations: ModelLocations) -> str:
    """Return the end of a message with the nearest names that the hub finds; empty without any."""
    name = reference.repo.rpartition("/")[2]
    try:
        with HubClient(hub_credential(locations)) as client:
            answer = client.document(f"{locations.hub}/api/models?search={quote(name, safe='')}&limit=20", _SEARCH_MOST)
    except (HubUnreachable, ModelUnreadable):
        return ""
    found = re.findall(rb'"(?:id|modelId)"\s*:\s*"([\w./-]{1,200})"', answer.body)
    names = {each.decode() for each in found}
    near = [] if reference.repo in names else get_close_matches(reference.repo, names, n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(f'hf:{each}' for each in sorted(near))}?" if near else ""
