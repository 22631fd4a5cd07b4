"""How a variant is served: the one that was decided on, or the best that can be; and loopback ports for engines."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hostd.backends.addresses import keep_private
from hostd.backends.contract import Attachment, Backend, Engine, Launch
from hostd.domain.errors import EngineError
from hostd.domain.profile import EngineSettings, Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.domain.secret import secrets_in
from hostd.planning.warm_set.load_option import LoadOption
from hostd.sizing.variants import BoundVariant, with_draft_file
from hostd.supervisor.process.socket_folder import SocketFolder

QUARANTINE = 60.0
"""Seconds before a port is given to another engine: the first one may still be about to bind it."""
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
    # Rejected sockets stay open until the search ends, or the kernel might offer the same port again and again.
    rejected: list[socket.socket] = []
    try:
        while True:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            rejected.append(probe)
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port not in _given:
                _given[port] = now
                return port
    finally:
        for probe in rejected:
            probe.close()


@dataclass(frozen=True, slots=True)
class PreparedLaunch:
    """A variant that is about to be started: by which engine, as decided by *option* (None: the engine decides), and how.

    *key* is the one that protects this launch.
    """

    variant: Variant
    backend: Engine
    option: LoadOption | None
    launch: Launch
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreparedAttachment:
    """A variant whose server runs already."""

    variant: Variant
    backend: Backend
    option: LoadOption | None
    launch: Attachment


async def prepare(
    profile: Profile, variants: Sequence[BoundVariant], option: LoadOption | None, sockets: SocketFolder | None = None
) -> PreparedLaunch | PreparedAttachment:
    """Return how to serve what *option* says; without one, the best variant that can be: a missing file gives way to the next.

    An engine that knows unix sockets gets one of *sockets*, any other a port.

    Raises:
        EngineError: None can; says what keeps each of them.
    """
    errors: list[EngineError] = []
    candidates = variants if option is None else (variants[option.variant],)
    for bound in candidates:
        try:
            return await asyncio.to_thread(_prepared, profile, bound, option, sockets)
        except EngineError as error:
            # A decision names one variant: memory was reserved for it alone, so no other may take its place.
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    reasons = "; ".join(
        f"{bound.variant.label}: {error.message}" for bound, error in zip(candidates, errors, strict=True)
    )
    raise EngineError(f"no variant can be served here ({reasons})", exit_class=errors[0].exit_class)


def _prepared(
    profile: Profile, bound: BoundVariant, option: LoadOption | None, sockets: SocketFolder | None
) -> PreparedLaunch | PreparedAttachment:
    variant, backend = bound.servable()
    profile = with_draft_file(profile)
    if variant.url is not None or variant.provider is not None:
        attachment = backend.attach(profile, variant)
        keep_private(profile, attachment.endpoint.url)
        return PreparedAttachment(bound.variant, backend, option, attachment)
    if not isinstance(backend, Engine):
        raise EngineError(
            f"backend '{backend.name}' starts no engine; give the variant the url of a server that runs",
            exit_class=ExitClass.BAD_FLAG,
        )
    if option is None:
        # Nothing is known of what it takes, so no check went before; a damaged file or a bad flag should not reach the engine.
        backend.check(profile, variant, None)
    key = secrets.token_urlsafe(24)
    path = None if sockets is None else sockets.new_path()
    launch = None if path is None else backend.launch_on_socket(profile, variant, option, str(path), key)
    if launch is None:
        launch = backend.launch(profile, variant, option, free_port(), key)
    return _as_declared(profile, bound, option, launch, key)


def prepare_again(
    profile: Profile, bound: BoundVariant, option: LoadOption, address: str, key: str
) -> PreparedLaunch | None:
    """Return how *bound* would be launched at *address*, a socket's path or a port, with *key*; None where it would not. Blocks.

    Raises:
        EngineError: It cannot be served any more.
    """
    variant, backend = bound.servable()
    profile = with_draft_file(profile)
    if variant.url is not None or not isinstance(backend, Engine):
        return None
    backend.check(profile, variant, option)
    if address.isdecimal():
        launch: Launch | None = backend.launch(profile, variant, option, int(address), key)
    else:
        launch = backend.launch_on_socket(profile, variant, option, address, key)
    return None if launch is None else _as_declared(profile, bound, option, launch, key)


def _as_declared(
    profile: Profile, bound: BoundVariant, option: LoadOption | None, launch: Launch, key: str
) -> PreparedLaunch:
    backend = bound.backend
    assert isinstance(backend, Engine)  # noqa: S101 - it has just made the launch
    launch = as_owner_says(launch, profile, backend.settings, key)
    # Whatever a backend, of another package perhaps, has made of the variant: this is where the prompts will be sent.
    keep_private(profile, launch.endpoint.url)
    return PreparedLaunch(bound.variant, backend, option, launch, key)


def as_owner_says(launch: Launch, profile: Profile, settings: EngineSettings, key: str) -> Launch:
    """Return *launch* with the variables and the grace of *profile*, or else of its backend's *settings*.

    What nobody may see of it is its *key*, and what the owner took from the environment of the daemon.
    """
    env = dict(launch.env)
    for name, value in {**settings.env, **profile.env}.items():
        # hostd's own modules are found by this variable; the owner's are looked for after them.
        env[name] = f"{env[name]}{os.pathsep}{value}" if name == "PYTHONPATH" and name in env else value
    env |= launch.devices
    graces = (profile.stop_grace, settings.stop_grace, launch.grace)
    own = secrets_in((*profile.args.values(), *profile.env.values(), *settings.env.values()))
    return replace(
        launch,
        env=env,
        grace=next(grace for grace in graces if grace is not None),
        secrets=(*launch.secrets, key, *own),
    )
