"""Whether keys are closed to other users, and the state folder is this user's own."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, failed, fine, warned

_OTHERS = 0o077
_MOST = 200
"""Files of the state folder that are looked at."""


@dataclass(frozen=True, slots=True)
class PathFacts:
    """A file or folder that should be private: *kind* is ``key``, ``folder`` or ``file``; *mode* None where it is missing."""

    path: str
    kind: str
    mode: int | None = None
    ours: bool = True
    usable: bool = True


def check(context: CheckContext) -> Findings:
    """Return what other users may read, and what this one may not write."""
    keys = {
        variant.key_file: profile.name
        for profile in context.settings.profiles.values()
        for variant in profile.variants
        if variant.key_file is not None
    }
    return judge(gather(tuple(keys), context.state), keys, context.user)


def gather(keys: Sequence[str], state: Path) -> tuple[PathFacts, ...]:
    """Return the modes of key files, of the folder *state*, and of the files in it."""
    try:
        inside = [Path(entry.path) for entry in os.scandir(state) if entry.is_file(follow_symlinks=False)][:_MOST]
    except OSError:
        inside = []
    return (
        *(_facts(Path(key), "key", os.R_OK) for key in keys),
        _facts(state, "folder", os.R_OK | os.W_OK | os.X_OK),
        *(_facts(path, "file", os.R_OK | os.W_OK) for path in sorted(inside)),
    )


def _facts(path: Path, kind: str, wanted: int) -> PathFacts:
    try:
        about = path.stat()
    except OSError:
        return PathFacts(str(path), kind)
    return PathFacts(
        str(path), kind, stat.S_IMODE(about.st_mode), about.st_uid == os.geteuid(), os.access(path, wanted)
    )


def judge(paths: Sequence[PathFacts], profiles: Mapping[str, str], user: str) -> Findings:
    """Return the findings on *paths*; *profiles* says whose each key is."""
    found = tuple(
        finding
        for each in paths
        for finding in (_of_key(each, profiles.get(each.path, "")) if each.kind == "key" else _of_state(each, user))
    )
    count = sum(each.kind == "key" for each in paths)
    keys = f"{count} key file{'' if count == 1 else 's'} and the" if count else "the"
    return found or fine(f"{keys} state folder are closed to other users" if count else f"{keys} state folder is sound")


def _of_key(facts: PathFacts, profile: str) -> Iterator[CheckFinding]:
    if facts.mode is None:
        remedy = f"write the key into it, then run: chmod 600 {facts.path}"
        yield failed(f"there is no key file {facts.path}", f"'{profile}' reads its key there", remedy)
    elif facts.mode & _OTHERS:
        why = f"its mode is {facts.mode:04o}, so it is not used and '{profile}' is not served"
        yield failed(f"other users may use the key in {facts.path}", why, f"chmod 600 {facts.path}")
    elif not facts.usable:
        why = f"'{profile}' reads its key there"
        yield failed(f"this user may not read {facts.path}", why, f"ls -l {facts.path}")


def _of_state(facts: PathFacts, user: str) -> Iterator[CheckFinding]:
    if facts.mode is None:
        return  # the daemon makes it
    if not facts.usable:
        why = (
            "it belongs to another user, as after a start with sudo"
            if not facts.ours
            else f"its mode is {facts.mode:04o}"
        )
        remedy = f"sudo chown -R {user} {facts.path}" if not facts.ours else f"chmod u+rwX {facts.path}"
        yield failed(f"this user may not write {facts.path}", f"{why}; nothing would be kept", remedy)
    elif facts.mode & _OTHERS:
        mode = "700" if facts.kind == "folder" else "600"
        why = f"its mode is {facts.mode:04o}; names of models and clients stand there"
        yield warned(f"other users may read {facts.path}", why, f"chmod {mode} {facts.path}")
