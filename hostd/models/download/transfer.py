"""Download of one file: resumed, retried, checked.

Theory of operation. The bytes are appended to a file of their own whose name says which content it is to become, so an attempt
that was cut short, however long ago, is resumed. What is asked for never changes under its address, and whatever comes is
summed as it is written; nothing is written beyond the size that was listed. Only when the SHA-256 is right does the file get
its name.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hostd.domain.units import format_bytes
from hostd.models.download.partial import PartialFile, exclusive
from hostd.models.download.source import ByteStream
from hostd.models.errors import HubUnreachable, ModelUnreadable

TRIES = 5
"""Attempts in a row without a byte after which a download is given up."""
LONGEST_PAUSE = 60.0

Pause = Callable[[float], None]
Open = Callable[[int], AbstractContextManager[ByteStream]]
"""Asks for a file from a byte on."""


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """One file to fetch: of *size* bytes, to become *blob*; *partial* is where it grows, *lock* guards that.

    *sha256* is what the hub lists of its content, *git* its name in git where there is no SHA-256; None where nothing is listed.
    """

    name: str
    size: int
    blob: Path
    partial: Path
    lock: Path
    sha256: str | None
    git: str | None = None

    @property
    def kept(self) -> int:
        """Bytes that an earlier attempt left."""
        try:
            return min(self.partial.lstat().st_size, self.size)
        except OSError:
            return 0


class ProgressListener(Protocol):
    """Receives the progress of a download."""

    def moved(self, count: int) -> None:
        """Count bytes downloaded; negative for bytes that were discarded."""

    def told(self, sentence: str) -> None:
        """Show a sentence to the owner."""


def fetch(
    file: DownloadFile,
    open_at: Open,
    listener: ProgressListener,
    *,
    here: Callable[[DownloadFile], bool],
    pause: Pause = time.sleep,
) -> None:
    """Download *file*, whose SHA-256 is known, unless it is *here*, or is once another program has fetched it.

    Raises:
        HubUnreachable: The hub did not send all of it in several attempts; what came is kept.
        DiskFull: The disk is full; what came is kept.
        ModelUnreadable: The hub refuses, or what it sends is not what it listed.
    """
    if here(file):  # also where this user may not even write a lock
        listener.moved(file.size)
        return
    with exclusive(file.lock, lambda: listener.told(f"another program is fetching {file.name}; waiting for it")):
        if here(file):
            listener.moved(file.size)
            return
        with PartialFile(file.partial, file.size, file.sha256 or "") as partial:
            partial.take_up()
            listener.moved(partial.count)
            transfer = _Transfer(file, partial, open_at, listener, pause)
            transfer.complete()
            if not partial.is_right() and partial.joined:
                listener.told(f"the pieces of {file.name} do not belong together; it is fetched anew")
                transfer.restart()
                transfer.complete()
            if not partial.is_right():
                transfer.restart()
                raise ModelUnreadable(wrong_checksum(file.name))
            partial.finish(file.blob)


def wrong_checksum(name: str) -> str:
    """Return the message about a file whose content is not what its hub lists."""
    return (
        f"{name} arrived with another checksum than its hub lists: it was damaged or exchanged on the way, and nothing of it "
        "was kept; try again, and tell its owner if that does not help"
    )


@dataclass(slots=True)
class _Transfer:
    file: DownloadFile
    partial: PartialFile
    open_at: Open
    listener: ProgressListener
    pause: Pause

    def complete(self) -> None:
        """Fetch the rest, until `TRIES` attempts in a row bring no byte."""
        file, partial, failures = self.file, self.partial, 0
        while partial.count < file.size:
            before = partial.count
            try:
                self._receive()
            except HubUnreachable as error:
                partial.joined = True
                failures = 1 if partial.count > before else failures + 1
                what = error.message.partition(";")[0]
                if failures >= TRIES:
                    raise HubUnreachable(
                        f"{what}, in {TRIES} attempts; {format_bytes(partial.count)} of {file.name} are kept: run the same "
                        "command to go on"
                    ) from error
                seconds = min(error.retry_after or 2.0 ** (failures - 1), LONGEST_PAUSE)
                self.listener.told(f"{what}; trying again in {seconds:g} s")
                self.pause(seconds)

    def restart(self) -> None:
        """Discard what was downloaded."""
        self.listener.moved(-self.partial.count)
        self.partial.restart()

    def _receive(self) -> None:
        file, partial = self.file, self.partial
        with self.open_at(partial.count) as stream:
            if stream.size not in (None, file.size):
                raise ModelUnreadable(
                    f"{file.name} is {stream.size} bytes long, and its hub lists {file.size}; it may have changed just now: "
                    "try again"
                )
            if stream.first != partial.count:
                self.restart()
            for block in stream.blocks:
                taken = block[: file.size - partial.count]
                partial.append(taken)
                self.listener.moved(len(taken))
                if partial.count == file.size:
                    return
        if partial.count < file.size:
            raise HubUnreachable(f"{file.name} ended after {partial.count} of {file.size} bytes; try again")
