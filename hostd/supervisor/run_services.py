"""What the runs of all instances share."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.profile import Profile, Variant
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import Event
from hostd.supervisor.conversations.store import ConversationStore
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.kept_engines import KeptEngines
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.process.socket_folder import SocketFolder


async def _none_left(_model: str) -> Collection[str]:
    return ()


@dataclass(frozen=True, slots=True)
class RunServices:
    """Services shared by all runs.

    *record_memory* writes down what an engine holds after its first requests; it blocks. *measure_held* returns what a model's
    engine holds now, in bytes by pool; without it the memory of the engine's processes is taken. *cards_left* returns the cards on
    which a model's engine has held memory and holds none now. *exclusive_start* is held by each engine that measures its devices
    while it starts. *sockets* is where engines listen that know unix sockets. *kept* are the engines that outlive this daemon, None
    where none does. *conversations* keeps what engines have read where the owner wants that.
    """

    post: Callable[[Event], None]
    reaper: OrphanReaper
    timings: ProbeTimings
    record_memory: Callable[[Profile, Variant, Sequence[str], int, LoadOption | None], None]
    measure_held: Callable[[str], Awaitable[Mapping[str, int]]] | None = None
    exclusive_start: asyncio.Lock = field(default_factory=asyncio.Lock)
    cards_left: Callable[[str], Awaitable[Collection[str]]] = _none_left
    sockets: SocketFolder | None = None
    kept: KeptEngines | None = None
    conversations: ConversationStore | None = None
