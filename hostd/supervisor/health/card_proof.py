"""Whether an engine has the card that it was placed on.

Its log says so when it comes up, and so may the engine itself. After the machine has slept, a token shows that the engine has
survived it, and what the driver counts for it that it computes on the card still.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

from hostd.backends.http.errors import ExchangeError
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.health import health_probe
from hostd.supervisor.health.card_fallback import without_card
from hostd.supervisor.server import DESCRIBES, Server

_REPORTED = "it reports that none of its model is there"


async def check_card(server: Server, lines: Sequence[str]) -> None:
    """Refuse an engine that came up without its cards: it would answer many times slower. *lines* are what it logged.

    Raises:
        EngineError: It did; with its own words.
    """
    pools = _placed(server)
    if pools and (said := without_card(lines, pools)) is not None:
        raise _without(pools, f"it says: {said}")
    if pools and await _reports_none(server):
        raise _without(pools, _REPORTED)


async def proved(
    server: Server, left: Callable[[], Awaitable[Collection[str]]], patience: float, *, task: Task
) -> str | EngineError | None:
    """Return None once the engine has generated a token on its cards, within *patience* seconds, else what is wrong.

    *left* returns the pools in which the driver counts nothing for the engine any more, where it did.
    """
    why = "after the machine had slept, the engine made no token"
    try:
        async with asyncio.timeout(patience):
            said = await health_probe.one_token(server.http, server.launch.endpoint, task=task)
    except TimeoutError:
        return f"{why} within {patience:g} s"
    if said is not None:
        return f"{why}: {said}"
    pools = _placed(server)
    if pools and pools <= set(await left()):
        return _without(pools, "the driver counts no memory there for it any more")
    return _without(pools, _REPORTED) if pools and await _reports_none(server) else None


async def _reports_none(server: Server) -> bool:
    share = None
    with suppress(TimeoutError, EngineError, ExchangeError, OSError, ValueError, TypeError, AttributeError):
        async with asyncio.timeout(DESCRIBES):
            share = await server.backend.card_share(server.http, server.launch.endpoint)
    return share == 0.0


def _placed(server: Server) -> frozenset[str]:
    """Return the cards that hostd has placed the engine on; an attached server is its owner's."""
    return server.cards if isinstance(server, EngineServer) else frozenset()


def _without(pools: Collection[str], said: str) -> EngineError:
    return EngineError(
        f"it runs without {', '.join(sorted(pools))} and would compute on the processor; {said}. After a suspend this "
        "helps as a rule: sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm, or a restart of the machine",
        exit_class=ExitClass.DRIVER,
    )
