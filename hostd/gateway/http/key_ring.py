"""The keys that open this server: one hash and one look-up for each request, before anything of its body is read."""

import asyncio
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256

import structlog

from hostd.domain.budget import Budget
from hostd.domain.client_key import ClientKey
from hostd.domain.errors import HostdError, RequestError
from hostd.domain.principal import KeyScope, Principal
from hostd.domain.server_settings import KeySettings, LoopbackRule
from hostd.gateway.http.auth import identify

log = structlog.get_logger()

OPEN = frozenset({"/", "/healthz", "/readyz"})
"""What clients without a key may ask: whether something is there, and ready; no names but those of models to preload."""
OPEN_BELOW = "/dashboard/"
"""The files of the page, which hold nothing of this host; what it shows it asks for with a key."""
ADMIN = "/hostd/"
"""Below it the daemon is seen and steered: engines' log lines and the requests of others stand there, too."""
LOOK_EVERY = 1.0
_START = 8
_HOW = "send one as 'Authorization: Bearer KEY' or 'x-api-key: KEY'; the owner of this host makes one with: hostd keys create NAME"


class KeyRing:
    """Tells who sends a request by its key. *changed* returns the keys of the file when they are new, else None.

    *loopback_open* lets programs of this machine in without a key. *clock* and *wall* are in seconds.
    """

    def __init__(
        self,
        changed: Callable[[], tuple[ClientKey, ...] | None],
        *,
        loopback_open: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.own = secrets.token_urlsafe(32)
        self._own_digest = sha256(self.own.encode()).digest()
        self._changed, self._loopback_open, self._clock, self._wall = changed, loopback_open, clock, wall
        self._keys: dict[bytes, tuple[ClientKey, Principal]] = {}
        self._looked = clock()
        self._looking: asyncio.Future[None] | None = None
        self._take(changed() or ())

    def __repr__(self) -> str:
        return f"<KeyRing {len(self._keys)} keys>"

    def identify(self, headers: Mapping[str, str], path: str, *, peer: str | None) -> Principal:
        """Return the sender of a request with *headers* to *path*, which is the one that is answered, whatever was sent.

        *peer* is the client's address, None at a unix socket, whose mode says who may use it.

        Raises:
            RequestError: It has no key that is known and valid (401), or one that does not open *path* (403).
        """
        given = _keys_in(headers)
        for key in given:
            digest = sha256(key.encode(errors="surrogateescape")).digest()
            if hmac.compare_digest(digest, self._own_digest):
                return identify(headers)
            if (found := self._find(digest)) is not None:
                return self._admit(*found, path)
        if _is_open(path) or peer is None or (self._loopback_open and _is_loopback(peer)):
            return identify(headers)
        why = "this key is not known here, or was revoked" if given else "this host answers with a key only"
        raise RequestError(f"{why}; {_HOW}", code="invalid_api_key", status=401)

    def budget(self, name: str) -> Budget | None:
        """Return what the key *name* may use up; None where it has no limit, or is not known."""
        return next((key.budget for key, _ in self._keys.values() if key.name == name), None)

    def _find(self, digest: bytes) -> tuple[ClientKey, Principal] | None:
        # How long a look-up takes may tell how a hash begins, not the key: the whole is compared in constant time.
        found = self._keys.get(digest[:_START])
        return found if found is not None and hmac.compare_digest(found[0].digest, digest) else None

    def _admit(self, key: ClientKey, principal: Principal, path: str) -> Principal:
        if _is_open(path):
            return principal
        if key.expires is not None and self._wall() >= key.expires:
            day = datetime.fromtimestamp(key.expires, UTC).date()
            message = (
                f"the key '{key.name}' has expired on {day}; the owner makes a new one with: hostd keys create NAME"
            )
            raise RequestError(message, code="invalid_api_key", status=401)
        if key.scope is not KeyScope.ADMIN and path.startswith(ADMIN):
            message = (
                f"the key '{key.name}' is for requests to models only (scope inference); what is under {ADMIN} takes one of: "
                "hostd keys create NAME --scope admin"
            )
            raise RequestError(message, code="scope_not_allowed", status=403)
        return principal

    @property
    def is_due(self) -> bool:
        """Whether it is time to look at the file again; then `look` comes before `identify`."""
        return self._looking is not None or self._clock() - self._looked >= LOOK_EVERY

    async def look(self) -> None:
        """Take the keys of the file when they have changed, so that one that is revoked opens nothing a second later.

        The file is read in a thread: its disk may be slow, or far away.
        """
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
        # A client that leaves must not end what others wait for, too.
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        began = self._clock()
        try:
            keys = await asyncio.to_thread(self._changed)
        except HostdError as error:
            log.warning("keys_unreadable", why=error.message, hint="the keys read before stay in force")
            return
        finally:
            self._looked, self._looking = began, None
        if keys is not None:
            self._take(keys)
            log.info("keys_read", count=len(keys))

    def _take(self, keys: tuple[ClientKey, ...]) -> None:
        self._keys = {key.digest[:_START]: (key, key.principal) for key in keys}


def opened_ring(settings: KeySettings) -> KeyRing | None:
    """Return the keys of clients, None where none is needed. Blocks.

    Raises:
        ConfigError: They cannot be read.
    """
    if settings.file is None:
        return None
    from hostd.key_file import KeyFile  # noqa: PLC0415 - reads YAML, which a daemon without keys does without

    return KeyRing(KeyFile(settings.file).changed, loopback_open=settings.loopback is LoopbackRule.OPEN)


def _keys_in(headers: Mapping[str, str]) -> list[str]:
    """Return the keys that a request shows: some clients send a placeholder in one header beside theirs in the other."""
    kind, _, bearer = headers.get("Authorization", "").partition(" ")
    found = [bearer.strip() if kind.lower() == "bearer" else "", headers.get("X-Api-Key", "").strip()]
    return [key for key in found if key]


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


def _is_loopback(peer: str) -> bool:
    with suppress(ValueError):
        address = ipaddress.ip_address(peer.partition("%")[0])
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    return False
