"""What the owner says of hostd's own server, the addresses apart: who may reach it by which name, and its limits."""

from dataclasses import dataclass
from enum import StrEnum


class KeepAliveForm(StrEnum):
    """What a stream that has nothing to say yet is sent.

    ``comment`` is a line that every reader of events skips; ``event`` is an event of the client's dialect without content, for
    clients and proxies that count time between events; ``off`` is nothing.
    """

    COMMENT = "comment"
    EVENT = "event"
    OFF = "off"


class LoopbackRule(StrEnum):
    """Whether clients that connect from this machine need a key, too, or are ``open`` to all of its programs."""

    KEYS = "keys"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Where the clients' keys are kept, None where none is needed."""

    file: str | None = None
    loopback: LoopbackRule = LoopbackRule.KEYS


@dataclass(frozen=True, slots=True)
class StateSettings:
    """What is kept of answers for their clients: responses for *keep* seconds, None for none at all, of *max_bytes* together.

    What is recorded of requests, without a word of them, is kept for *records_keep* seconds, in *records_max_bytes* together.
    *shared* is the address of a Redis server through which budgets and sessions are shared with other hosts.
    """

    keep: float | None = None
    max_bytes: int = 256 * 1024 * 1024
    records_keep: float = 180 * 86400.0
    records_max_bytes: int = 256 * 1024 * 1024
    shared: str | None = None


@dataclass(frozen=True, slots=True)
class GuardrailSettings:
    """When requests are taken to go round in a circle: through more than *max_hops* hostd or other gateways, or in one session.

    That is a session whose last message has been answered *max_repeats* times within *repeats_within* seconds.
    """

    max_hops: int = 5
    max_repeats: int = 50
    repeats_within: float = 60.0


@dataclass(frozen=True, slots=True)
class TraceContentSettings:
    """What traces hold beside names, times and counts: with *content*, what is asked and answered, too."""

    content: bool = False


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of the server.

    *hosts* and *origins* are patterns of `hostd.domain.web_origin`. *prefix* is a path that a proxy leaves in front of every route,
    without a slash at its end. *max_body* is in bytes. *remote_media* says that requests may name pictures and the like by URL,
    which engines then fetch. A stream that waits is begun after *commit_after* seconds, and has a *keep_alive* each
    *keep_alive_every* seconds. With *watch*, files that have changed are read anew without being asked to.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    prefix: str = ""
    max_body: int = 32 * 1024 * 1024
    remote_media: bool = False
    keep_alive: KeepAliveForm = KeepAliveForm.COMMENT
    commit_after: float = 15.0
    keep_alive_every: float = 10.0
    watch: bool = False
