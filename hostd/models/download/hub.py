"""What a pull from Hugging Face will take, and how it is laid into the cache that its programs share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from hostd.models.download.hub_cache import HubCache
from hostd.models.download.partial import Checksum
from hostd.models.download.selection import refuse_hostile, select
from hostd.models.download.transfer import DownloadFile
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.header_store import HeaderStore
from hostd.models.http.client import HubClient
from hostd.models.huggingface import HubRepository, ListedFile, hub_credential
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference
from hostd.models.remote_headers import RemoteHeaders, mark

_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_MARK = re.compile(r"[0-9A-Za-z_-]{1,128}", re.ASCII)
_SEARCH_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class HubDownload:
    """The files of one model at one commit. *path* is what an engine will be told: the first file, or the folder."""

    reference: HubReference
    items: tuple[DownloadFile, ...]
    path: Path
    notes: tuple[str, ...]
    cache: HubCache
    commit: str

    @property
    def folder(self) -> Path:
        """Where on the disk it will lie."""
        return self.cache.root

    def here(self, item: DownloadFile) -> bool:
        """Return whether that file is whole: under its checksum, or, where links cannot be made, under its name."""
        return any(
            path.is_file() and path.stat().st_size == item.size
            for path in (item.blob, self.cache.snapshot(self.commit) / item.name)
        )

    def place(self, item: DownloadFile) -> None:
        """Show a file that has come under its name; raises as `HubCache.show` does."""
        self.cache.show(self.commit, item.name, item.blob.name)

    def seal(self) -> None:
        """Have the branch or tag that was asked for mean what was fetched, now that all of it is here."""
        self.cache.point(self.reference.revision, self.commit)


def plan_hub_download(reference: HubReference, places: ModelLocations, *, projector: bool | None = None) -> HubDownload:
    """Return what pulling *reference* means; the hub is asked for its list, and no file is fetched.

    Raises:
        NotThere: The hub has no such repository, revision or file; the nearest are named.
        Unreachable: The hub cannot be asked.
        Unreadable: The hub refuses, or what it lists must not be downloaded.
    """
    remote = RemoteHeaders(
        lambda: HubClient(hub_credential(places)), HeaderStore(places.headers), offline=places.offline
    )
    try:
        repository = HubRepository(reference, places.hub, remote)
        try:
            listed = repository.listed()
        except ModelNotFound as error:
            raise ModelNotFound(
                f"{places.hub} has no {reference}; check the spelling of the owner, the model and the revision, and give HF_TOKEN "
                f"a token if it is private{_nearest(reference, places)}"
            ) from error
        refuse_hostile(listed, repository.label)
        selection = select(repository, reference.file, projector=projector)
        known = {name: _Known(listed[name], repository.url(name)) for name in selection.names}
        facts: dict[str, Mapping[str, str]] = {}
        if not places.offline:
            with HubClient(hub_credential(places)) as web:
                facts = {name: web.facts(each.url) for name, each in known.items() if not each.is_enough}
        commit = repository.commit or next((each.get("x-repo-commit", "") for each in facts.values()), "")
        if _COMMIT.fullmatch(commit) is None:
            raise ModelUnreadable(
                f"{places.hub} does not say which commit of {reference.repo} it has; such a hub cannot be used"
            )
        cache = HubCache(places.hub_cache, reference.repo)
        items = tuple(_item(name, each, facts.get(name, {}), cache) for name, each in known.items())
        path = cache.snapshot(commit) / selection.first if selection.first else cache.snapshot(commit)
        notes = (*selection.notes, *remote.notes, *_about_token(places))
        return HubDownload(reference, items, path, notes, cache, commit)
    finally:
        remote.close()


@dataclass(frozen=True, slots=True)
class _Known:
    listed: ListedFile
    url: str

    @property
    def is_enough(self) -> bool:
        return self.listed.size is not None and bool(self.listed.sha256 or self.listed.git)


def _item(name: str, known: _Known, facts: Mapping[str, str], cache: HubCache) -> DownloadFile:
    listed = known.listed
    told = mark(facts)
    is_sha256, is_git = len(told) == 64, len(told) == 40
    sha256 = listed.sha256 or (told.lower() if is_sha256 and not listed.git else None)
    git = listed.git or (told.lower() if is_git and not sha256 else None)
    size = listed.size if listed.size is not None else _number(facts)
    named = sha256 or git or told
    if size is None or _MARK.fullmatch(named) is None:
        raise ModelUnreadable(
            f"{known.url} does not say how large it is, or nothing that tells its content; try another hub"
        )
    checksum = Checksum(sha256) if sha256 else Checksum(git, git=True) if git else None
    return DownloadFile(name, known.url, size, checksum, cache.blob(named), cache.partial(named), cache.lock(named))


def _about_token(places: ModelLocations) -> tuple[str, ...]:
    if places.hub_token and hub_credential(places) is None:
        return (f"your token is not sent to {places.hub}, for anybody on the way could read it; use https",)
    return ()


def _number(facts: Mapping[str, str]) -> int | None:
    told = facts.get("x-linked-size") or facts.get("content-length") or ""
    return int(told) if told.isdecimal() and len(told) < 18 else None


def _nearest(reference: HubReference, places: ModelLocations) -> str:
    """Return what the hub finds by a part of the name, as the end of a sentence; nothing where it finds nothing."""
    name = reference.repo.rpartition("/")[2]
    try:
        with HubClient(hub_credential(places)) as web:
            answer = web.document(f"{places.hub}/api/models?search={quote(name, safe='')}&limit=20", _SEARCH_MOST)
    except (HubUnreachable, ModelUnreadable):
        return ""
    found = re.findall(rb'"(?:id|modelId)"\s*:\s*"([\w./-]{1,200})"', answer.body)
    names = {each.decode() for each in found}
    near = [] if reference.repo in names else get_close_matches(reference.repo, names, n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(f'hf:{each}' for each in sorted(near))}?" if near else ""
