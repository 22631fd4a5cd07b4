"""The key with which `hostd ps` and the other verbs reach a daemon of the same user, where clients need keys.

It is made anew at each start and lies in the state folder, for its user alone, while the daemon runs. It names the
addresses that it is for: no verb shows it to another program that listens on this machine, nor sends it anywhere else.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from hostd.paths import owner_key_file
from hostd.private_files import make_private_folder, open_private, write_private


@contextmanager
def left_for_owner(key: str | None, addresses: Sequence[str]) -> Iterator[None]:
    """Leave *key* for the daemon at *addresses* in the state folder as long as the block runs.

    A folder that cannot be written stops no daemon: its user's verbs then take a key from HOSTD_API_KEY.
    """
    leave(key, addresses)
    try:
        yield
    finally:
        leave(None, ())


def leave(key: str | None, addresses: Sequence[str]) -> None:
    """Leave *key* for the daemon at *addresses* in the place of what was left before; None leaves nothing."""
    path = owner_key_file()
    with suppress(OSError):
        if key is None:
            path.unlink()
        else:
            make_private_folder(path.parent)
            write_private(path, json.dumps({"addresses": list(addresses), "key": key}))


def key_for(ports: Sequence[str]) -> str | None:
    """Return the key that a daemon of this user has left for one of the addresses *ports*, None where there is none."""
    try:
        with os.fdopen(open_private(owner_key_file(), os.O_RDONLY), "rb") as file:
            left = json.load(file)
        return str(left["key"]) if set(ports) & set(left["addresses"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
