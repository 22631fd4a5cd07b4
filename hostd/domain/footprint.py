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
    """The source of a footprint: arithmetic on the header, a dry run of the engine, or a measured load of this machine."""

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
class Footprint:
    """The bytes that serving one variant takes, by pool id and component.

    *notes* are sentences on what was assumed; *bounded_only* says that the architecture is not known, so that the high ends
    are upper bounds and the rest is a guess.
    """

    parts: Mapping[str, Mapping[Component, Span]]
    tier: Tier = Tier.HEADER
    bounded_only: bool = False
    notes: tuple[str, ...] = field(default=())

    def pool(self, pool_id: str) -> Span:
        """Return what is held of one pool."""
        return sum(self.parts.get(pool_id, {}).values(), Span())

    def component(self, component: Component) -> Span:
        """Return what is held for one purpose, all pools together."""
        return sum((parts.get(component, Span()) for parts in self.parts.values()), Span())
