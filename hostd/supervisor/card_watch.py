"""Which cards are there, which were and are not any more, and which are still waited for: pure, fed with each measurement.

A card that vanishes must not have its models loaded on the processor, where they answer many times slower and nobody is told. So a
lost card stays in the machine that plans are made for, and loads on it are refused as long as it is lost (`Preflight`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from hostd.domain.host import Host, Pool, PoolKind

log = structlog.get_logger()


class CardWatch:
    """Remembers the cards of a machine by their pools' ids."""

    def __init__(self) -> None:
        self.lost: Mapping[str, str] = {}
        """Why each card that was there is not, by its pool's id."""
        self.awaited: tuple[str, ...] = ()
        """Sentences on cards whose driver has not come up yet."""
        self._known: dict[str, Pool] = {}
        self._followers: list[Callable[[frozenset[str]], None]] = []
        self._begun = False

    def __repr__(self) -> str:
        return f"<CardWatch {len(self._known)} known, {len(self.lost)} lost>"

    @property
    def troubles(self) -> tuple[str, ...]:
        """Sentences on what makes this host serve worse than it should."""
        return (*self.lost.values(), *self.awaited)

    @property
    def trouble(self) -> str | None:
        """The same in one line, None where nothing is amiss."""
        return f"degraded: {'; '.join(self.troubles)}" if self.troubles else None

    def follow(self, appeared: Callable[[frozenset[str]], None]) -> None:
        """Have *appeared* told of the ids of pools that were not there at the measurement before, from the second one on."""
        self._followers.append(appeared)

    def seen(self, host: Host) -> Host:
        """Take in a measurement; return it with the cards that are lost, as if nobody used them."""
        present = {pool.id: pool for pool in host.pools if pool.kind is PoolKind.VRAM}
        appeared = frozenset(name for name in present if name not in self._known or name in self.lost)
        before = self.troubles
        self._known |= present
        # What is said first says most: a driver that was opened anew just does not know the card.
        self.lost = {
            name: self.lost.get(name) or _why(pool, host) for name, pool in self._known.items() if name not in present
        }
        self.awaited = () if self.lost else host.awaited
        for sentence in self.troubles:
            if sentence not in before:
                log.warning("host_degraded", why=sentence)
        if before and not self.troubles:
            log.info("host_recovered", cards=sorted(present))
        if appeared and self._begun:
            for follower in self._followers:
                follower(appeared)
        self._begun = True
        return replace(host, pools=(*host.pools, *_unused(self._known[name] for name in self.lost)))


def _unused(pools: Iterable[Pool]) -> Iterable[Pool]:
    return (replace(pool, free=pool.total, holders=()) for pool in pools)


def _why(pool: Pool, host: Host) -> str:
    said = next((each for each in host.troubles if each.startswith(f"{pool.id} (")), None)
    return said or f"{pool.id} ({pool.name}) has vanished: it was there earlier and is not now"
