"""Hugging Face's cache as its programs lay it out, for writing: contents by checksum, and a folder of links for each commit.

Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache. What lies there is found by every program that uses it.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hostd.models.errors import ModelUnreadable
from hostd.models.reference import is_safe_file


@dataclass(frozen=True, slots=True)
class HubCache:
    """The part of the cache at *root* that belongs to one repository."""

    root: Path
    repo: str

    @property
    def home(self) -> Path:
        """The repository's folder."""
        return self.root / self._name

    def blob(self, mark: str) -> Path:
        """Return where the content that the hub marks so lies."""
        return self.home / "blobs" / mark

    def partial(self, mark: str) -> Path:
        """Return where that content lies while it is not whole."""
        return self.home / "blobs" / f"{mark}.incomplete"

    def lock(self, mark: str) -> Path:
        """Return the lock for writing that content, which other programs heed, too."""
        return self.root / ".locks" / self._name / f"{mark}.lock"

    def snapshot(self, commit: str) -> Path:
        """Return the folder that shows the files as they are at that commit."""
        return self.home / "snapshots" / commit

    def show(self, commit: str, name: str, mark: str) -> None:
        """Have the content be seen under its *name* at that commit.

        It is a link; on a disk that knows none, the content itself is moved there, as the other programs do.

        Raises:
            Unreadable: The name, or what lies on the way to it, leads out of the cache.
        """
        snapshot, blob = self.snapshot(commit), self.blob(mark)
        if not is_safe_file(name):
            raise ModelUnreadable(f"{name[:80]!r} is no name for a file here; do not use this model")
        path = snapshot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(snapshot.resolve()):
            raise ModelUnreadable(f"{path.parent} leads out of {snapshot} by a link; remove it")
        if not blob.is_file():  # moved there already
            return
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            draft.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:
            draft = blob
        draft.replace(path)

    def point(self, revision: str, commit: str) -> None:
        """Have a branch or tag mean that commit."""
        if revision == commit:
            return
        ref = self.home / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        draft = ref.with_name(f"{ref.name}.{os.getpid()}")
        try:
            draft.write_text(commit, encoding="ascii")
            draft.replace(ref)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()

    @property
    def _name(self) -> str:
        return f"models--{self.repo.replace('/', '--')}"
