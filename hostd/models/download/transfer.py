"""One file, from a hub to its place: resumed, retried, checked.

Theory of operation. The bytes go to a file of their own whose name says which content it is to become, so an attempt that was
cut off, however long ago, is gone on with. A request for the rest names what the server said of the content a moment ago: a
server whose file is another by now, or that knows no ranges, sends it from the beginning, and so do we begin again. Nothing is
read beyond the size that the hub's list told. Only when the checksum is right does the file get its name.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hostd.domain.units import format_bytes
from hostd.models.download.partial import Checksum, PartialFile, exclusive
from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.http.client import HubClient
from hostd.models.http.response import place

TRIES = 5
"""Attempts in a row that may bring nothing before it is the owner's turn."""
LONGEST_PAUSE = 60.0
PATIENCE = 30.0
"""Seconds of silence after which a line counts as broken."""


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """One file to fetch: of *size* bytes, from *url* to *blob*; *partial* is where it grows, *lock* who may grow it."""

    name: str
    url: str
    size: int
    checksum: Checksum | None
    blob: Path
    partial: Path
    lock: Path

    @property
    def sha256(self) -> str | None:
        """The checksum of its content, where the hub lists that one."""
        return None if self.checksum is None or self.checksum.git else self.checksum.value

    @property
    def kept(self) -> int:
        """Bytes that an earlier attempt left."""
        try:
            return min(self.partial.lstat().st_size, self.size)
        except OSError:
            return 0


class ProgressListener(Protocol):
    """Who looks on while files come."""

    def moved(self, count: int) -> None:
        """So many bytes more are here; negative where some had to be given up."""

    def told(self, sentence: str) -> None:
        """Something happened that the owner may want to know."""


def fetch(
    item: DownloadFile,
    web: HubClient,
    timeouts: ProgressListener,
    *,
    here: Callable[[DownloadFile], bool],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Have *item* at its place; *here* says whether it is already; it is asked again once nobody else fetches it.

    Raises:
        Unreachable: The hub did not send all of it in several attempts; what came is kept.
        NoRoom: The disk is full; what came is kept.
        Unreadable: The hub refuses, or what it sends is not what it listed.
    """
    if here(item):  # perhaps where this user may not even write a lock
        timeouts.moved(item.size)
        return
    with exclusive(item.lock, lambda: timeouts.told(f"another program is fetching {item.name}; waiting for it")):
        if here(item):
            timeouts.moved(item.size)
            return
        with PartialFile(item.partial, item.size, item.checksum) as partial:
            partial.take_up()
            timeouts.moved(partial.count)
            transfer = _Transfer(item, partial, web, timeouts)
            transfer.complete(pause)
            if not partial.is_right() and partial.joined:
                timeouts.told(f"the pieces of {item.name} do not belong together; it is fetched anew")
                transfer.restart()
                transfer.complete(pause)
            if not partial.is_right():
                transfer.restart()
                raise ModelUnreadable(
                    f"{place(item.url)} arrived with another checksum than its hub lists: it was damaged or exchanged on the "
                    "way, and nothing of it was kept; try again, and tell its owner if that does not help"
                )
            partial.finish(item.blob)


@dataclass(slots=True)
class _Transfer:
    item: DownloadFile
    partial: PartialFile
    web: HubClient
    watch: ProgressListener
    validator: str = ""

    def complete(self, pause: Callable[[float], None]) -> None:
        """Fetch what is missing, in as many attempts as bring something."""
        item, partial, failures = self.item, self.partial, 0
        while partial.count < item.size:
            before = partial.count
            try:
                self._receive()
            except HubUnreachable as error:
                partial.joined = True
                failures = 1 if partial.count > before else failures + 1
                if failures >= TRIES:
                    raise HubUnreachable(
                        f"{error.message.partition(';')[0]}, in {TRIES} attempts; {format_bytes(partial.count)} of "
                        f"{item.name} are kept: run the same command to go on"
                    ) from error
                seconds = min(error.retry_after or 2.0 ** (failures - 1), LONGEST_PAUSE)
                self.watch.told(f"{error.message.partition(';')[0]}; trying again in {seconds:g} s")
                pause(seconds)

    def restart(self) -> None:
        """Give up what came."""
        self.watch.moved(-self.partial.count)
        self.partial.restart()

    def _receive(self) -> None:
        item, partial = self.item, self.partial
        with self.web.stream(item.url, partial.count, self.validator) as body:
            self.validator = body.validator
            if body.size not in (None, item.size):
                raise ModelUnreadable(
                    f"{place(item.url)} is {body.size} bytes long, and its hub lists {item.size}; it may have changed just "
                    "now: try again"
                )
            if body.first != partial.count:
                self.restart()
            while partial.count < item.size and (block := body.read(item.size - partial.count)):
                partial.append(block)
                self.watch.moved(len(block))
        if partial.count < item.size:
            raise HubUnreachable(f"{place(item.url)} ended after {partial.count} of {item.size} bytes; try again")
