"""What is stored on this machine of models that hubs have, told without opening any of it."""

import os
import re
from pathlib import Path
from urllib.parse import quote

from hostd.models.header_store import HeaderStore
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, OllamaReference

COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)


def repository_folder(repo: str) -> str:
    """Return what a repository's folder in the cache is called."""
    return f"models--{repo.replace('/', '--')}"


def cached_snapshot(reference: HubReference, cache: Path) -> Path | None:
    """Return the folder of the cache that holds that revision of the repository, if there is one."""
    home = cache / repository_folder(reference.repo)
    commit = reference.revision
    if not COMMIT.fullmatch(commit):
        try:
            commit = (home / "refs" / commit).read_text(encoding="ascii")[:64].strip()
        except (OSError, UnicodeDecodeError):
            return None
    snapshot = home / "snapshots" / commit
    return snapshot if COMMIT.fullmatch(commit) and snapshot.is_dir() else None


def file_address(hub: str, repo: str, revision: str, name: str) -> str:
    """Return where the *hub* has a file."""
    return f"{hub}/{repo}/resolve/{quote(revision, safe='')}/{quote(name)}"


def list_addresses(hub: str, repo: str, revision: str) -> tuple[str, str]:
    """Return where the *hub* lists a repository's files; mirrors often serve only the second, older route."""
    where, told = f"{hub}/api/models/{repo}", quote(revision, safe="")
    return f"{where}/revision/{told}?blobs=true", f"{where}/tree/{told}?recursive=true"


def registry_url(reference: OllamaReference, locations: ModelLocations) -> str:
    """Return the address below which the registry has the manifests and blobs of a model."""
    return f"{locations.registry}/v2/{reference.namespace}/{reference.name}"


def manifest_address(reference: OllamaReference, base: str) -> str:
    """Return where the registry has the manifest of a tag; *base* is the model's address there."""
    return f"{base}/manifests/{reference.tag}"


def manifest_path(store: Path, reference: OllamaReference) -> Path:
    """Return where a store of Ollama's keeps the manifest of a model."""
    return store.joinpath("manifests", reference.host, reference.namespace, reference.name, reference.tag)


def is_stored(reference: HubReference | OllamaReference, locations: ModelLocations) -> bool:
    """Return whether a store has the model, or what was fetched of it once is kept, so that reading it may need no hub."""
    kept = HeaderStore(locations.headers)
    if isinstance(reference, OllamaReference):
        paths = (manifest_path(store, reference) for store in locations.ollama_stores)
        # A store that may not be looked into is no error here.
        here = any(os.path.isfile(path) for path in paths)  # noqa: PTH113
        return here or kept.has(manifest_address(reference, registry_url(reference, locations)))
    if cached_snapshot(reference, locations.hub_cache) is not None:
        return True
    named = (locations.hub, reference.repo, reference.revision)
    addresses = (file_address(*named, reference.file),) if reference.file else list_addresses(*named)
    return any(kept.has(address) for address in addresses)
