"""State that several hosts share through a Redis server: what budgets have used up, and which model a conversation is with.

Each host writes its own sums into a hash of its own and publishes those that changed; the others read the hashes when they connect
and listen from then on. Nothing waits for Redis: a request is admitted by what was heard last, so a limit holds up to what other
hosts have admitted within the last moments. While the server is away, each host counts for itself, and tells all when it is back.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import structlog

from hostd.background_tasks import cancel_all
from hostd.domain.budget import Account, OthersUse
from hostd.paths import host_id_file
from hostd.private_files import make_private_folder, write_private
from hostd.routing.session import MOST_SESSIONS, ConversationState, SessionKey, SessionPolicy
from hostd.runtime.calendar_clock import local_now
from hostd.runtime.others_use import OthersTable, UseRow
from hostd.scheduling.events import UsedElsewhere

log = structlog.get_logger()

CHANNEL = "hostd:changes"
HOSTS = "hostd:hosts"
TELL_EVERY = 0.25
"""Seconds between two messages of a host, at least."""
ALIVE_EVERY = 5.0
"""Seconds between two messages of a host, at most."""
REPEAT_EVERY = 60.0
"""Seconds after which all sums are posted again: midnight on this host's clock and on another's may be moments apart."""
RETRY = 2.0
_CONNECT, _ANSWER = 2.0, 5.0
_SUMS_KEPT = 32 * 86400
_SESSION_KEPT = 86400
_PORTION = 500
"""Rows of one message."""


_Session = tuple[SessionKey, ConversationState]


class _Message(msgspec.Struct, omit_defaults=True):
    """What a host publishes."""

    host: str
    use: list[UseRow] = []
    sessions: list[_Session] = []


class SharedState:
    """Shares what *own_use* returns, whenever *revision* is another number, and *sessions*, through the server at *url*."""

    def __init__(  # noqa: PLR0913 - both sides of the exchange, and the clock
        self,
        url: str,
        own_use: Callable[[], Mapping[Account, OthersUse]],
        revision: Callable[[], int],
        sessions: SessionPolicy,
        post: Callable[[UsedElsewhere], None],
        *,
        host: str = "",
        now: Callable[[], datetime] = local_now,
    ) -> None:
        self.trouble: str | None = None
        self._url = url
        self._own_use = own_use
        self._revision = revision
        self._sessions = sessions
        self._post = post
        self._now = now
        self._host = host
        self._others = OthersTable()
        self._written: dict[Account, UseRow] = {}
        self._told: int | None = None
        self._told_at = self._repeated_at = float("-inf")
        self._untold: dict[SessionKey, ConversationState] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<SharedState {self._host} {self.trouble or 'connected'}>"

    async def start(self) -> None:
        """Share from now on; needs the running loop."""
        self._host = self._host or await asyncio.to_thread(host_id)
        self._sessions.tell = self._session_changed
        self._task = asyncio.get_running_loop().create_task(self._run(), name="shared state")

    async def close(self) -> None:
        """Share nothing any more."""
        self._sessions.tell = None
        # Looked at, too: a cancellation that comes together with the end of one of Redis's time-outs may be lost in its client.
        self._closed = True
        await cancel_all(self._task)

    def _session_changed(self, key: SessionKey, state: ConversationState) -> None:
        if len(self._untold) < MOST_SESSIONS or key in self._untold:
            # A copy, since the conversation may go on before it is told.
            self._untold[key] = replace(state)

    async def _run(self) -> None:
        # Not at the top: it takes a tenth of a second, and most hosts share nothing.
        from redis.asyncio import Redis  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        while not self._closed:
            redis = Redis.from_url(self._url, socket_connect_timeout=_CONNECT, socket_timeout=_ANSWER)
            try:
                await self._share(redis)
            except (RedisError, OSError, TimeoutError) as error:
                why = str(error) or type(error).__name__
                if self.trouble is None:
                    log.warning("shared_state_lost", why=why, hint="each host counts for itself meanwhile")
                self.trouble = why
            finally:
                await redis.aclose()
            if not self._closed:
                await asyncio.sleep(RETRY)

    async def _share(self, redis: Any) -> None:
        """Listen and tell, until the connection is lost."""
        async with redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            # Its confirmation: what is published from now on is heard, so nothing is missed between the hashes and the messages.
            await channel.get_message(timeout=_ANSWER)
            await self._read_all(redis)
            self._written.clear()
            self._told = None
            self._others_changed(recent=False)
            await self._tell(redis)
            if self.trouble is not None:
                log.info("shared_state_found")
            self.trouble = None
            while not self._closed:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=TELL_EVERY)
                if message is not None:
                    self._heard(message["data"])
                self._others_changed(recent=True)
                await self._tell(redis)

    async def _read_all(self, redis: Any) -> None:
        clock = asyncio.get_running_loop().time()
        for host in await redis.smembers(HOSTS):
            if host.decode() != self._host:
                rows = [_read(UseRow, value) for value in (await redis.hgetall(_use_key(host.decode()))).values()]
                self._others.heard(host.decode(), filter(None, rows), clock)
        found = 0
        async for key in redis.scan_iter("hostd:session:*", count=500):
            value = await redis.get(key)
            if value is not None and (known := _read(_Session, value)) is not None:
                self._sessions.learn(*known)
            if (found := found + 1) >= MOST_SESSIONS:
                return

    def _heard(self, data: bytes) -> None:
        message = _read(_Message, data)
        if message is None or message.host == self._host:
            return
        self._others.heard(message.host, message.use, asyncio.get_running_loop().time())
        for known in message.sessions:
            self._sessions.learn(*known)

    def _others_changed(self, *, recent: bool) -> None:
        clock, today = asyncio.get_running_loop().time(), self._now().date()
        if clock - self._repeated_at >= REPEAT_EVERY:
            self._repeated_at = clock
            used = self._others.all(today, clock)
        else:
            used = self._others.changed(today, clock)
        if used:
            self._post(UsedElsewhere(used, recent))

    async def _tell(self, redis: Any) -> None:
        """Write and publish what has changed of this host's own."""
        clock, revision = asyncio.get_running_loop().time(), self._revision()
        quiet = revision == self._told and not self._untold
        if clock - self._told_at < (ALIVE_EVERY if quiet else TELL_EVERY):
            return
        rows = self._changed_rows() if revision != self._told else []
        sessions = list(self._untold.items())
        for start in range(0, max(len(rows), len(sessions), 1), _PORTION):
            portion = slice(start, start + _PORTION)
            await self._write(redis, rows[portion], sessions[portion])
        # Only now: what could not be written is still to be told.
        self._written |= {row.account: row for row in rows}
        for key, state in sessions:
            if self._untold.get(key) is state:
                del self._untold[key]
        self._told, self._told_at = revision, clock

    def _changed_rows(self) -> list[UseRow]:
        today, own = self._now().date(), self._own_use()
        rows = {account: UseRow.of(account, use, today) for account, use in own.items()}
        gone = {account: UseRow.of(account, OthersUse(), today) for account in self._written if account not in own}
        return [row for account, row in (rows | gone).items() if row != self._written.get(account)]

    async def _write(self, redis: Any, rows: list[UseRow], sessions: list[_Session]) -> None:
        key = _use_key(self._host)
        async with redis.pipeline(transaction=False) as pipe:
            pipe.sadd(HOSTS, self._host)
            if rows:
                pipe.hset(key, mapping={f"{row.owner}:{row.name}": msgspec.json.encode(row) for row in rows})
                pipe.expire(key, _SUMS_KEPT)
            for known in sessions:
                pipe.set(_session_key(known[0]), msgspec.json.encode(known), ex=_SESSION_KEPT)
            pipe.publish(CHANNEL, msgspec.json.encode(_Message(self._host, rows, sessions)))
            await pipe.execute()


def host_id() -> str:
    """Return the name of this host among those that share state with it, made once; one that cannot be kept is for this run."""
    path = host_id_file()
    try:
        known = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    if len(known) == 32 and known.isalnum():
        return known
    made = uuid.uuid4().hex
    try:
        make_private_folder(path.parent)
        write_private(path, made)
    except OSError as error:
        log.warning("host_id_not_kept", why=error.strerror)
    return made


def _use_key(host: str) -> str:
    return f"hostd:use:{host}"


def _session_key(key: SessionKey) -> str:
    return f"hostd:session:{msgspec.json.encode(key).decode()}"


def _read(kind: Any, data: bytes) -> Any:
    """Return the *kind* that *data* holds; None where it holds none, perhaps one of a later hostd's."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
