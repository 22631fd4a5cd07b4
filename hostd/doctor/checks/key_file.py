"""Whether the file with the clients' keys can be read, has a key that is valid, and is for the service's user alone to change."""

import os
import pwd
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, failed, fine, skipped, warned
from hostd.doctor.installed_units import system_unit, user_unit
from hostd.domain.client_key import ClientKey
from hostd.domain.errors import ConfigError
from hostd.key_file import KeyFile

_OTHERS, _WRITING = 0o077, 0o022
_CREATE = "hostd keys create NAME"


@dataclass(frozen=True, slots=True)
class KeyFileFacts:
    """The file at *path*: *mode* None where it is missing, *owner* the name of its user, *folder_mode* of the folder it is in.

    *keys* None where they cannot be read, *trouble* says why.
    """

    path: str
    mode: int | None = None
    owner: str = ""
    folder_mode: int = 0o700
    readable: bool = True
    keys: Sequence[ClientKey] | None = ()
    trouble: str = ""

    @property
    def folder(self) -> str:
        """Where the file lies."""
        return str(Path(self.path).parent)


def check(context: CheckContext) -> Findings:
    """Return what is wrong with the file of keys."""
    file = context.settings.keys.file
    if file is None:
        return skipped("clients need no key", "keys.file is not set")
    return judge(gather(file), service_user(context), context.user, time.time())


def service_user(context: CheckContext) -> str:
    """Return the user as whom the daemon runs: the system unit's where it alone is installed, else this one."""
    unit = None if user_unit(context) else system_unit(context)
    return (unit.last("User") or "root") if unit else context.user


def gather(file: str) -> KeyFileFacts:
    """Return the facts on *file* and the folder in which it really is, which a link may lead to."""
    path = os.path.realpath(file)
    try:
        folder_mode, about = stat.S_IMODE(Path(path).parent.stat().st_mode), Path(path).stat()
    except OSError:
        return KeyFileFacts(path)
    facts = (path, stat.S_IMODE(about.st_mode), _name(about.st_uid), folder_mode)
    if not os.access(path, os.R_OK):
        return KeyFileFacts(*facts, readable=False, keys=None)
    try:
        return KeyFileFacts(*facts, keys=KeyFile(path).read())
    except ConfigError as error:
        return KeyFileFacts(*facts, keys=None, trouble=str(error))


def judge(facts: KeyFileFacts, service: str, user: str, now: float) -> Findings:
    """Return the findings on *facts* for a daemon of the user *service*, looked at by *user* at *now* (seconds since 1970)."""
    if facts.mode is None:
        why = "clients need a key, and there is none: only the owner's verbs are answered"
        return (failed(f"there is no key file {facts.path}", why, _CREATE),)
    found = (*_of_access(facts, facts.mode, service, user), *_of_keys(facts, now))
    count = sum(not _is_expired(key, now) for key in facts.keys or ())
    return found or fine(f"{count} valid key{'' if count == 1 else 's'} in {facts.path}")


def _of_access(facts: KeyFileFacts, mode: int, service: str, user: str) -> Iterator[CheckFinding]:
    path, folder = facts.path, facts.folder
    if facts.owner != service:
        why = f"the daemon runs as {service}, and may not read or replace it"
        yield failed(f"{path} belongs to {facts.owner}", why, f"sudo chown {service} {path}")
    elif not facts.readable:
        why = f"it is {service}'s, so nothing is known of the keys in it"
        remedy = f"chmod 600 {path}" if service == user else f"sudo -u {service} hostd doctor"
        yield warned(f"{user} may not read {path}", why, remedy)
    if mode & _WRITING:
        why = f"its mode is {mode:04o}, so that they can add a key of their own"
        yield failed(f"other users may change {path}", why, f"chmod 600 {path}")
    elif mode & _OTHERS:
        why = f"its mode is {mode:04o}; names of clients and their limits stand there, though no key"
        yield warned(f"other users may read {path}", why, f"chmod 600 {path}")
    # In a sticky folder, such as /tmp, nobody replaces another user's file.
    if facts.folder_mode & _WRITING and not facts.folder_mode & stat.S_ISVTX:
        why = f"its mode is {facts.folder_mode:04o}, so that they can put another file in the place of the keys"
        yield failed(f"other users may write to {folder}", why, f"chmod go-w {folder}")


def _of_keys(facts: KeyFileFacts, now: float) -> Iterator[CheckFinding]:
    if facts.trouble:
        why = f"{facts.trouble}; a daemon that runs keeps the keys it read before, and none starts"
        yield failed(f"the keys in {facts.path} cannot be read", why, f"mend {facts.path}, then run: hostd doctor")
    elif facts.keys is not None and not facts.keys:
        why = "clients need a key, so only the owner's verbs are answered"
        yield failed(f"no key is in {facts.path}", why, _CREATE)
    elif facts.keys and all(_is_expired(key, now) for key in facts.keys):
        last = datetime.fromtimestamp(max(key.expires or 0.0 for key in facts.keys), UTC).date()
        why = f"the last one was valid until {last}, so no client is answered any more"
        yield failed(f"all keys in {facts.path} have expired", why, _CREATE)


def _is_expired(key: ClientKey, now: float) -> bool:
    return key.expires is not None and now >= key.expires


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
