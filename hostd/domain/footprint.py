"""The memory that a model takes: bytes by pool and component, each as a span."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Component(StrEnum):
    """The use of the bytes."""

    WEIGHTS = "weights"
    KV = "kv"
    RECURRENT = "recurrent"
    COMPUTE = "compute"
    OVERHEAD = "overhead"


class Tier(StrEnum):
    """The source of a footprint: arithmetic on the header, or a measured load of this machine."""

    HEADER = "header"
    # A word of the command line's contract; nothing produces it since measurements took the place of dry runs.
    ENGINE = "engine"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes: the least, the expected, and the most that planning must reckon with."""

    low: int = 0
    expected: int = 0
    high: int = 0

    @classmethod
    def exactly(cls, count: int) -> "Span":
        """Return a span without doubt."""
        return cls(count, count, count)

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.expected + other.expected, self.high + other.high)


@dataclass(frozen=True, slots=True)
class ElasticMemory:
    """Memory that an engine uses as far as it is allowed to, and can do without: the value of *flag* bounds it.

    The value counts units of *unit* bytes in each of *pools*, from 0 (or 1, if there is room for one) to *most*. *at_once*
    says that the engine takes all of it when it starts.
    """

    flag: str
    pools: tuple[str, ...]
    unit: int
    most: int
    component: Component = Component.OVERHEAD
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Footprint:
    """The bytes that serving one variant takes, by pool id and component.

    *notes* are sentences on what was assumed; *bounded_only* says that the architecture is not known, so that the high ends
    are upper bounds and the rest is a guess. *elastic* is what the engine may take beyond what it needs. *unreckoned*
    are flags of the owner's that change the bytes in ways that are not counted, so that nothing can be promised.
    """

    parts: Mapping[str, Mapping[Component, Span]]
    tier: Tier = Tier.HEADER
    bounded_only: bool = False
    notes: tuple[str, ...] = field(default=())
    elastic: tuple[ElasticMemory, ...] = field(default=())
    unreckoned: tuple[str, ...] = field(default=())

    def pool(self, pool_id: str) -> Span:
        """Return what is held of one pool."""
        return sum(self.parts.get(pool_id, {}).values(), Span())

    def component(self, component: Component) -> Span:
        """Return what is held for one purpose, all pools together."""
        return sum((parts.get(component, Span()) for parts in self.parts.values()), Span())

    @property
    def promised(self) -> bool:
        """Whether the high ends can be relied on."""
        return not self.bounded_only and not self.unreckoned

    def needed(self, pool_id: str) -> int:
        """Return the most bytes of one pool that it cannot do without: caches that may be smaller count at their least."""
        at_once = any(pool_id in each.pools for each in self.elastic if each.at_once)
        caches = (Component.KV, Component.RECURRENT) if at_once else ()
        return sum(span.low if part in caches else span.high for part, span in self.parts.get(pool_id, {}).items())
