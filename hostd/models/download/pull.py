"""Downloads: plans of files, a check of the disk, and carrying them out.

A plan is made by asking the hub for its list alone, so that its size can be shown before anything is taken. It is then carried
out file by file; whatever ends it early, the same command goes on where it stopped.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hostd.domain.units import format_bytes
from hostd.models.content_digest import has_digest
from hostd.models.download.hub import HubDownload, plan_hub_download
from hostd.models.download.ollama import OllamaDownload, plan_registry_download
from hostd.models.download.transfer import Pause, ProgressListener
from hostd.models.errors import DiskFull, HubUnreachable, ModelUnreadable
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, OllamaReference

MARGIN = 512 << 20
"""Bytes that a download leaves free on its disk: a full one breaks more than the download."""


DownloadPlan = HubDownload | OllamaDownload


def prepare(
    reference: HubReference | OllamaReference, locations: ModelLocations, *, projector: bool | None = None
) -> DownloadPlan:
    """Return what pulling *reference* will take; raises as `plan_hub_download` and `plan_registry_download` do."""
    match reference:
        case HubReference():
            return plan_hub_download(reference, locations, projector=projector)
        case OllamaReference():
            return plan_registry_download(reference, locations)


def total(plan: DownloadPlan) -> int:
    """Return the bytes of all files of a plan."""
    return sum(file.size for file in plan.items)


def missing(plan: DownloadPlan) -> int:
    """Return the bytes of a plan that are not on this machine yet."""
    return sum(file.size - file.kept for file in plan.items if not plan.here(file))


def check_room(plans: Sequence[DownloadPlan], free: Callable[[Path], int] | None = None) -> None:
    """Return if there is room for all *plans* on their disks; *free* tells the free bytes at a path.

    Raises:
        DiskFull: There is not; the sentence says how much is missing, and where.
    """
    needs: dict[int, tuple[Path, int]] = {}
    for plan in plans:
        root = next(each for each in (plan.folder, *plan.folder.parents) if each.exists())
        device = root.stat().st_dev
        needs[device] = (root, needs.get(device, (root, 0))[1] + missing(plan))
    for root, count in needs.values():
        room = free(root) if free else shutil.disk_usage(root).free
        if count and count + MARGIN > room:
            raise DiskFull(
                f"the disk of {root} has {format_bytes(room)} free, and {format_bytes(count)} are to come, with "
                f"{format_bytes(MARGIN)} to be left: {format_bytes(count + MARGIN - room)} are missing; remove what you no longer "
                "need, or name another place by HF_HOME (for Ollama's models, OLLAMA_MODELS)"
            )


def carry_out(
    plan: DownloadPlan, locations: ModelLocations, listener: ProgressListener, *, pause: Pause = time.sleep
) -> int:
    """Download everything of *plan* and return how many bytes of it came.

    Raises as `transfer.fetch` does, and what came before that is kept.
    """
    try:
        _remove_damaged(plan, listener)
        rest = missing(plan)
        if locations.offline and rest:
            raise HubUnreachable(
                f"{plan.reference} is not here whole, and HF_HUB_OFFLINE or HOSTD_OFFLINE forbids fetching the rest"
            )
        plan.fetch(listener, pause)
    except OSError as error:
        raise ModelUnreadable(
            f"{plan.reference} cannot be kept in {plan.folder}: {error.strerror or error}; give this user access to it, or "
            "name another place by HF_HOME (for Ollama's models, OLLAMA_MODELS)"
        ) from error
    return rest


def _remove_damaged(plan: DownloadPlan, listener: ProgressListener) -> None:
    """Remove what lies under a checksum of *plan* and has another; what is shown already is left to ``pull --verify``."""
    for file in plan.unlinked():
        if digest := file.sha256 or file.git:
            listener.told(f"{file.name} is here already, from another download; its checksum is computed")
            if not has_digest(file.blob, digest):
                listener.told(f"{file.blob} is damaged and is fetched anew")
                file.blob.unlink()
