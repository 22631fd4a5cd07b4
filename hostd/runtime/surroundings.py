"""What the house lends to every instance, and what an instance needs from no other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.profile import Profile, Variant
from hostd.planning.choice import Choice
from hostd.runtime.reaper import Reaper
from hostd.runtime.watchdog import Pace
from hostd.scheduling.events import Event


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every instance needs from the house.

    *note* writes down what an engine holds after its first requests; it blocks. *held* measures what a model's engine holds
    now, in bytes by pool; without it the memory of the engine's processes is taken. *alone* is held by whoever starts an engine
    that measures its devices meanwhile.
    """

    post: Callable[[Event], None]
    reaper: Reaper
    pace: Pace
    note: Callable[[Profile, Variant, Sequence[str], int, Choice | None], str | None]
    held: Callable[[str], Awaitable[Mapping[str, int]]] | None = None
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
