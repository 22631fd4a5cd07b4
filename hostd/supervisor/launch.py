"""Launching a variant: the one that was decided on, or the best that can be launched; and loopback ports for engines."""

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hostd.backends.addresses import keep_private
from hostd.backends.contract import Backend, Launch
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.planning.warm_set.load_option import LoadOption
from hostd.sizing.variants import BoundVariant

QUARANTINE = 60.0
_given: dict[int, float] = {}


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on and that was not handed out in the last minute.

    Another program may still take it before the engine does; the engine then dies with `port_taken`, and the next start
    asks for another.

    Raises:
        OSError: The machine has no free port.
    """
    now = time.monotonic()
    for port in [port for port, given in _given.items() if now - given > QUARANTINE]:
        del _given[port]
    # Refused sockets stay open until the search ends, or the kernel might offer the same port again and again.
    refused: list[socket.socket] = []
    try:
        while True:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            refused.append(probe)
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port not in _given:
                _given[port] = now
                return port
    finally:
        for probe in refused:
            probe.close()


@dataclass(frozen=True, slots=True)
class PreparedLaunch:
    """A variant that is about to be served: by whom, as decided by whom (None: nobody), and how."""

    variant: Variant
    backend: Backend
    option: LoadOption | None
    launch: Launch


async def prepare(profile: Profile, options: Sequence[BoundVariant], choice: LoadOption | None) -> PreparedLaunch:
    """Return how to launch what *choice* says; without one, the best that can be: a missing file gives way to the next.

    Raises:
        EngineError: None can; says what keeps each of them.
    """
    troubles: list[EngineError] = []
    candidates = options if choice is None else (options[choice.variant],)
    for option in candidates:
        try:
            return await asyncio.to_thread(_prepared, profile, option, choice)
        except EngineError as error:
            troubles.append(error)
    if len(troubles) == 1:
        raise troubles[0]
    reasons = "; ".join(
        f"{option.variant.label}: {error.message}" for option, error in zip(candidates, troubles, strict=True)
    )
    raise EngineError(f"no variant can be served here ({reasons})", exit_class=troubles[0].exit_class)


def _prepared(profile: Profile, option: BoundVariant, choice: LoadOption | None) -> PreparedLaunch:
    variant, backend = option.servable()
    launch = backend.launch(profile, variant, choice, free_port(), secrets.token_urlsafe(24))
    # Whatever the backend has made of the variant, and whoever wrote it: this is where the prompts would go.
    keep_private(profile, launch.endpoint.url)
    return PreparedLaunch(option.variant, backend, choice, launch)
