"""Whether there is room for records and for models."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, failed, fine, warned
from hostd.domain.units import format_bytes
from hostd.models.locations import find_locations

STATE, CACHE = "state", "models"
LEAST_STATE, LITTLE_STATE = 64 << 20, 1 << 30
LITTLE_CACHE = 10 << 30
"""Bytes: a model of 9 billion parameters takes about six GiB."""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The disk that *path* is on, or will be: bytes that this user may still write; *files* whether more of them can be made.

    *nearest* is the folder of it that exists, "" for *path* itself.
    """

    purpose: str
    path: str
    free: int
    read_only: bool = False
    files: bool = True
    nearest: str = ""


def check(context: CheckContext) -> Findings:
    """Return which disks are too full."""
    return judge(gather(context.state, find_locations(context.environ, context.home).hub_cache))


def gather(state: Path, cache: Path) -> tuple[DiskFacts, ...]:
    """Return the disks of both folders, which need not exist yet."""
    return tuple(facts for name, path in ((STATE, state), (CACHE, cache)) for facts in _facts(name, path))


def _facts(purpose: str, path: Path) -> Iterator[DiskFacts]:
    for folder in (path, *path.parents):
        try:
            about = os.statvfs(folder)
        except OSError:
            continue
        yield DiskFacts(
            purpose,
            str(path),
            about.f_bavail * about.f_frsize,
            bool(about.f_flag & os.ST_RDONLY),
            not about.f_files or about.f_favail > 0,  # some file systems do not count files
            "" if folder == path else str(folder),
        )
        return


def judge(disks: Sequence[DiskFacts]) -> Findings:
    """Return the findings on *disks*."""
    found = tuple(finding for each in disks for finding in _trouble(each))
    room = ", ".join(f"{format_bytes(each.free)} for {each.purpose}" for each in disks)
    return found or fine(f"free: {room}")


def _trouble(facts: DiskFacts) -> Iterator[CheckFinding]:
    path, room, used = facts.path, format_bytes(facts.free), f"du -xhd 2 {facts.nearest or facts.path} | sort -h | tail"
    lost = (
        "records of requests and measurements of memory are lost" if facts.purpose == STATE else "nothing can be pulled"
    )
    if facts.read_only:
        variable = "STATE_DIRECTORY" if facts.purpose == STATE else "HF_HOME"
        remedy = f"name another folder with {variable}"
        yield (failed if facts.purpose == STATE else warned)(f"the disk of {path} is read-only", lost, remedy)
    elif not facts.files:
        yield failed(f"the disk of {path} can hold no more files", f"it has no inode left, so {lost}", f"df -i {path}")
    elif facts.purpose == STATE and facts.free < LEAST_STATE:
        yield failed(f"only {room} are free for {path}", f"soon {lost}", used)
    elif facts.free < (LITTLE_STATE if facts.purpose == STATE else LITTLE_CACHE):
        why = "records grow by the request" if facts.purpose == STATE else "many models are larger than that"
        yield warned(f"only {room} are free for {path}", why, used)
