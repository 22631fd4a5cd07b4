"""A rehearsal with memory: cards of so many GiB, models that hold some, and a measurement after everything that happens."""

from collections.abc import Mapping
from typing import TypeVar

from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.decisions import Decision
from hostd.scheduling.effects import Effect, Explain, Refuse, RunPreflight, Sleep, Start, Stop, Wake
from hostd.scheduling.events import (
    Booted,
    EngineFailed,
    EngineReady,
    EngineSlept,
    EngineStopped,
    Event,
    LoadOptionsChanged,
    MemoryMeasured,
    PreflightDone,
    ScheduleChanged,
)
from hostd.scheduling.scheduler import Scheduler
from tests.routing.routing_stage import router
from tests.scheduling.scenario import Rehearsal

D = TypeVar("D", bound=Decision)

GIB = 2**30
CARD = "cuda:0"


def fits(
    gib: float, variant: int = 0, *, pool: str = CARD, ram: float = 0.0, seconds: float = 4.0, peak: float = 0.0
) -> LoadOption:
    """Return the choice of a variant that takes so many GiB of one pool, *peak* more while it loads, and some main memory."""
    needs = {pool: int(gib * GIB)} | ({"ram": int(ram * GIB)} if ram else {})
    return LoadOption(
        variant,
        f"v{variant}",
        needs=needs,
        expected=needs,
        transient={pool: int(peak * GIB)} if peak else {},
        load_seconds=seconds,
    )


class Machine(Rehearsal):
    """A scheduler on a machine with *pools* (GiB by pool id), whose checks pass and whose measurements follow what happens.

    *others* is what other programs hold (GiB); *broken* are the variants whose check fails, by model and variant, and *why*.
    """

    def __init__(self, pools: Mapping[str, float], **options: tuple[LoadOption, ...]) -> None:
        super().__init__()
        self.pools = {name: int(size * GIB) for name, size in pools.items()}
        self.others: dict[str, float] = {}
        self.held: dict[str, dict[str, int]] = {}
        self.broken: dict[tuple[str, int], ExitClass] = {}
        self.why: dict[tuple[str, int], str] = {}
        self.choices = options
        self.told: list[Decision] = []
        self.starts: list[str] = []
        self.stops: list[str] = []
        self.refusals: list[Refuse] = []

    def open(self, *profiles: Profile, boot: bool = True) -> list[str]:
        """Make a scheduler for these profiles."""
        named = {one.name: one for one in profiles}
        self.scheduler = Scheduler(named, self.seen().pools)
        self.directory = router(*named.values())
        for name, options in self.choices.items():
            self.tell(LoadOptionsChanged(name, options))
        return self.tell(Booted()) if boot else []

    def seen(self) -> MemoryMeasured:
        """Return what a measurement shows now."""
        pools = []
        for name, total in self.pools.items():
            used = sum(held.get(name, 0) for held in self.held.values()) + int(self.others.get(name, 0) * GIB)
            pools.append(Pool(name, PoolKind.VRAM, name, total, total - used, total))
        return MemoryMeasured(tuple(pools), {model: dict(held) for model, held in self.held.items()})

    def measure(self) -> list[str]:
        """Measure the memory now."""
        return self.tell(self.seen())

    def tell(self, event: Event, now: float | None = None) -> list[str]:
        """Let *event* happen, and everything that the machine answers at once."""
        if isinstance(event, EngineStopped | EngineFailed):
            self.held.pop(event.model, None)
        said = super().tell(event, now)
        self.effects = list(self.effects)
        effects: list[Effect] = self.effects
        for effect in effects:
            said += self._happen(effect)
        if isinstance(event, EngineStopped | EngineFailed | EngineReady | EngineSlept):
            said += self.measure()
        self.effects = effects
        return said

    def _happen(self, effect: Effect) -> list[str]:
        match effect:
            case RunPreflight(model, option):
                trouble = self.broken.get((model, option.variant))
                return [
                    *self.measure(),
                    *self.tell(
                        PreflightDone(
                            model, trouble, self.why.get((model, option.variant), "it said so") if trouble else ""
                        )
                    ),
                ]
            case Start(model, option):
                self.starts.append(model)
                self.held[model] = dict(option.needs) if option else {}
                self.assert_no_overcommitment()
            case Stop(model):
                self.stops.append(model)
            case Explain(decision):
                self.told.append(decision)
            case Refuse():
                self.refusals.append(effect)
            case Sleep() | Wake() | _:
                pass
        return []

    def gone(self, model: str, now: float | None = None) -> list[str]:
        """Let a stopped engine be gone."""
        return self.tell(EngineStopped(model), now)

    def turn(self, *windows: str, now: float | None = None, **demand: float) -> list[str]:
        """Let the hour turn."""
        return self.tell(ScheduleChanged(frozenset(windows), demand), now)

    def assert_no_overcommitment(self) -> None:
        """Check that no pool is promised beyond its size."""
        for pool, left in self.scheduler.engines.ledger.free().items():
            assert left >= 0, f"{pool} is over-committed by {-left}"

    def said(self, kind: type[D]) -> list[D]:
        """Return each decision of that *kind* so far."""
        return [each for each in self.told if isinstance(each, kind)]
