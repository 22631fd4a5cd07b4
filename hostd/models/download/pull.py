"""Downloads: what a reference means in files, whether there is room for them, and having them here.

An order is prepared by asking the hub for its list alone, so that its size can be shown before anything is taken. It is then
carried out file by file; whatever ends it early, the same command goes on where it stopped.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from hostd.domain.units import format_bytes
from hostd.models.download.hub import plan_hub_download
from hostd.models.download.ollama import plan_registry_download
from hostd.models.download.transfer import PATIENCE, DownloadFile, ProgressListener, fetch
from hostd.models.errors import DiskFull, HubUnreachable, ModelUnreadable
from hostd.models.http.client import HubClient
from hostd.models.huggingface import hub_credential
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, OllamaReference

MARGIN = 512 << 20
"""Bytes that a download leaves free on its disk: a full one breaks more than the download."""


class DownloadPlan(Protocol):
    """What a pull will take: *items*, to be seen as the model at *path* once it is sealed; *notes* are for the owner."""

    @property
    def reference(self) -> HubReference | OllamaReference:
        """What was named."""

    @property
    def items(self) -> tuple[DownloadFile, ...]:
        """The files."""

    @property
    def path(self) -> Path:
        """Where the model will lie: its (first) file, or its folder."""

    @property
    def folder(self) -> Path:
        """The root of where it will lie."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the owner should know of the choice."""

    def here(self, item: DownloadFile) -> bool:
        """Return whether a file is here, whole."""

    def place(self, item: DownloadFile) -> None:
        """Show a file that came to the programs that use it."""

    def seal(self) -> None:
        """Make a model of the files, now that all are here."""


def prepare(
    reference: HubReference | OllamaReference, places: ModelLocations, *, projector: bool | None = None
) -> DownloadPlan:
    """Return what pulling *reference* will take; see `order_from_hub` and `order_from_registry` for what may be raised."""
    match reference:
        case HubReference():
            return plan_hub_download(reference, places, projector=projector)
        case OllamaReference():
            return plan_registry_download(reference, places)


def total(order: DownloadPlan) -> int:
    """Return the bytes of all files of an order."""
    return sum(item.size for item in order.items)


def missing(order: DownloadPlan) -> int:
    """Return the bytes of an order that are not on this machine yet."""
    return sum(item.size - item.kept for item in order.items if not order.here(item))


def check_room(orders: Sequence[DownloadPlan], free: Callable[[Path], int] | None = None) -> None:
    """Return if there is room for all *orders* on their disks; *free* tells the free bytes at a path.

    Raises:
        NoRoom: There is not; the sentence says how much is missing, and where.
    """
    needs: dict[int, tuple[Path, int]] = {}
    for order in orders:
        root = _existing(order.folder)
        device = root.stat().st_dev
        needs[device] = (root, needs.get(device, (root, 0))[1] + missing(order))
    for root, count in needs.values():
        room = (free or _free)(root)
        if count and count + MARGIN > room:
            raise DiskFull(
                f"the disk of {root} has {format_bytes(room)} free, and {format_bytes(count)} are to come, with "
                f"{format_bytes(MARGIN)} to be left: {format_bytes(count + MARGIN - room)} are missing; remove what you no longer "
                "need, or name another place by HF_HOME (for Ollama's models, OLLAMA_MODELS)"
            )


def carry_out(
    order: DownloadPlan,
    places: ModelLocations,
    timeouts: ProgressListener,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Have everything of *order* here; raises as `fetch` does, and what came before that is kept."""
    if places.offline and missing(order):
        raise HubUnreachable(
            f"{order.reference} is not here whole, and HF_HUB_OFFLINE or HOSTD_OFFLINE forbids fetching the rest"
        )
    credential = hub_credential(places) if isinstance(order.reference, HubReference) else None
    try:
        with HubClient(credential, patience=PATIENCE) as web:
            for item in order.items:
                fetch(item, web, timeouts, here=order.here, pause=pause)
                order.place(item)
        order.seal()
    except OSError as error:
        raise ModelUnreadable(
            f"{order.reference} cannot be kept in {order.folder}: {error.strerror or error}; give this user access to it, or "
            "name another place by HF_HOME (for Ollama's models, OLLAMA_MODELS)"
        ) from error


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free
