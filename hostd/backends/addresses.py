"""What the address of a server says: its port, its root, and the process on this machine that listens there."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from hostd.domain.errors import EngineError
from hostd.domain.locality import is_loopback
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass

_PORTS = {"http": 80, "https": 443}


def port_of(url: str) -> int:
    """Return the port that *url* means."""
    parts = urlsplit(url)
    return parts.port or _PORTS.get(parts.scheme, 80)


def root_of(url: str) -> str:
    """Return where the routes of *url* begin: without the ``/v1`` that OpenAI's clients want at its end."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def local_pid(url: str) -> int | None:
    """Return the process on this machine that listens where *url* points; None where it is elsewhere or may not be seen.

    Takes some milliseconds per hundred processes, and no privilege: other users' processes cannot be seen.
    """
    if not is_loopback(url):
        return None
    port = port_of(url)
    # One call for all connections is much cheaper than one per process, where the system allows it.
    try:
        listening = [
            one.pid for one in psutil.net_connections("tcp") if one.pid and _listens(one.status, one.laddr, port)
        ]
    except (psutil.Error, OSError):
        # macOS shows all connections to root only, and to others those of their own processes one by one.
        return next(_owners(port), None)
    return next(iter(listening), None)


def keep_private(profile: Profile, url: str) -> None:
    """Return unless *profile* is private and *url* may be elsewhere.

    Raises:
        EngineError: Its prompts would leave this machine; class bad_flag.
    """
    if profile.privacy == Privacy.LOCAL and not is_loopback(url):
        raise EngineError(
            f"'{profile.name}' is private (privacy: local) and {url} is not on this machine; drop the variant",
            exit_class=ExitClass.BAD_FLAG,
        )


def _owners(port: int) -> Iterator[int]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if any(_listens(one.status, one.laddr, port) for one in process.net_connections("tcp")):
                yield process.pid


def _listens(status: str, local: object, port: int) -> bool:
    return status == psutil.CONN_LISTEN and getattr(local, "port", None) == port
