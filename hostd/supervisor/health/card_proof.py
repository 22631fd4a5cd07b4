"""Whether an engine has the card that it was placed on: by its log when it comes up, by a token after the machine has slept."""

import asyncio
from collections.abc import Sequence

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.planning.warm_set.load_option import LoadOption
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.health import health_probe
from hostd.supervisor.health.card_fallback import without_card
from hostd.supervisor.server import Server


def check_card(server: Server, option: LoadOption | None, lines: Sequence[str]) -> None:
    """Refuse an engine that came up without the cards of *option*: it would answer many times slower. *lines* are what it logged.

    Raises:
        EngineError: It did; with its own words.
    """
    pools = () if option is None else tuple(pool for pool, _ in option.placement.devices)
    if pools and isinstance(server, EngineServer) and (said := without_card(lines, pools)) is not None:
        raise EngineError(
            f"it came up without {', '.join(pools)} and would compute on the processor; it says: {said}. After a suspend this "
            "helps as a rule: sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm, or a restart of the machine",
            exit_class=ExitClass.DRIVER,
        )


async def proved(server: Server, patience: float, *, task: Task) -> str | None:
    """Return None once the engine has generated a token, within *patience* seconds, else why it is taken to be broken."""
    try:
        async with asyncio.timeout(patience):
            said = await health_probe.one_token(server.http, server.launch.endpoint, task=task)
    except TimeoutError:
        return f"after the machine had slept, the engine made no token within {patience:g} s"
    return None if said is None else f"after the machine had slept, the engine made no token: {said}"
