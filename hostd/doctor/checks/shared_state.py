"""Whether the Redis server answers through which several hosts share budgets and sessions."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, fine, skipped, warned


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """A server at *place*; *error* is why it did not answer, empty where it did. *hosts* share state through it."""

    place: str
    error: str = ""
    hosts: int = 0


def check(context: CheckContext) -> Findings:
    """Return whether the server answers."""
    url = context.settings.state.shared
    if url is None:
        return skipped("nothing is shared with other hosts", "hostd.yaml names no Redis server under state.shared")
    return judge(gather(url, context.program_patience))


def gather(url: str, seconds: float) -> RedisFacts:
    """Return what the server at *url* answers within so many *seconds*."""
    from redis import Redis  # noqa: PLC0415 - an extra
    from redis.exceptions import RedisError  # noqa: PLC0415

    from hostd.runtime.shared_state import HOSTS  # noqa: PLC0415

    parts = urlsplit(url)
    # Without the password.
    place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    try:
        with Redis.from_url(url, socket_connect_timeout=seconds / 2, socket_timeout=seconds / 2) as server:
            return RedisFacts(place, hosts=int(server.scard(HOSTS)))
    except (RedisError, OSError) as error:
        return RedisFacts(place, str(error) or type(error).__name__)


def judge(facts: RedisFacts) -> Findings:
    """Return the finding on the server."""
    if facts.error:
        why = f"it says: {facts.error}; each host counts budgets for itself meanwhile"
        return (warned(f"the Redis server at {facts.place} does not answer", why, "redis-cli -u ADDRESS ping"),)
    return fine(f"the Redis server at {facts.place} answers; {facts.hosts} hosts have shared state through it")
