"""New settings at any moment of any day: no request is lost, no engine is started twice, and in the end the settings hold."""

from dataclasses import replace

import pytest

from hostd.domain.catalog import Catalog
from hostd.domain.errors import RequestError
from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import FallbackRule, Limits, Profile, Settings, Variant, WarmSettings
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.domain.ticket import Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from hostd.scheduling.effects import Effect, Refuse, Remove, RunPreflight, Serve, Start, Stop
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
    Booted,
    ClientLeft,
    EngineFailed,
    EngineReady,
    EngineStopped,
    Event,
    Finished,
    LoadOptionsChanged,
    LoadRequested,
    MemoryMeasured,
    PreflightDone,
    Reconfigured,
    ScheduleChanged,
    Ticked,
    UnloadRequested,
)
from hostd.scheduling.scheduler import Scheduler
from hostd.simulation.rng import SplitMix
from tests.scheduling.memory import CARD, GIB

NAMES = "abcd"
NEEDS = 12 * GIB
"""Bytes: two of the models fit on the card together."""


class Day:
    """A scheduler, engines that obey it, and chance."""

    def __init__(self, seed: int) -> None:
        self.chance = SplitMix(seed)
        self.catalog = Catalog(Settings(profiles=self.profiles()))
        self.router = Router(self.catalog)
        self.scheduler = Scheduler(self.catalog.profiles, options_follow=True)
        self.now, self.tickets = 0.0, 0
        self.held: set[str] = set()
        self.starting: list[str] = []
        self.stopping: list[str] = []
        self.checking: list[str] = []
        self.unknown = list(self.catalog.profiles)
        self.waiting: set[str] = set()
        self.served: list[str] = []
        self.measure()

    def pick(self, choices: list[str]) -> str:
        """Take one of *choices* out."""
        return choices.pop(int(self.chance.uniform() * len(choices)))

    def odds(self, share: float) -> bool:
        """Return True in this share of the cases."""
        return self.chance.uniform() < share

    def profile(self, name: str) -> Profile:
        """Return any profile of this name."""
        return Profile(
            name,
            (Variant("llamacpp", path=f"{name}{self.odds(0.5)}.gguf"),),
            fallback=tuple(FallbackRule(other) for other in NAMES if other != name and self.odds(0.3)),
            limits=Limits(max_concurrent=1 + self.odds(0.5), max_queue=3, queue_timeout=5.0, total_timeout=50.0),
            warm=WarmSettings(preload=self.odds(0.3), keep_alive=20.0, pinned=self.odds(0.1)),
        )

    def profiles(self, known: dict[str, Profile] | None = None) -> dict[str, Profile]:
        """Return any profiles, or *known* ones with some of them changed; they fall back to each other only."""
        made = {name: self.profile(name) for name in known or NAMES if known or name == "a" or self.odds(0.8)}
        if known:
            made = {name: new if self.odds(0.5) else known[name] for name, new in made.items()}
        return {
            name: replace(each, fallback=tuple(step for step in each.fallback if step.to in made))
            for name, each in made.items()
        }

    def tell(self, event: Event) -> None:
        """Let *event* happen, and do what is asked for."""
        for effect in self.scheduler.handle(event, self.now):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Serve(ticket_id):
                self.waiting.discard(ticket_id)
                self.served.append(ticket_id)
            case Refuse(ticket_id):
                self.waiting.discard(ticket_id)
            case RunPreflight(model):
                self.checking.append(model)
            case Start(model):
                assert model not in self.held, "a start of what runs"
                self.held.add(model)
                self.starting.append(model)
            case Stop(model):
                assert model in self.held, "a stop of what does not run"
                self.starting = [each for each in self.starting if each != model]
                self.stopping.append(model)
            case Remove(model):
                assert model not in self.held, "an engine is left of a model that was removed"
            case _:
                pass

    def measure(self) -> None:
        """Measure the card."""
        total = 24 * GIB
        self.tell(MemoryMeasured((Pool(CARD, PoolKind.VRAM, CARD, total, total - NEEDS * len(self.held), total),)))

    def reload(self) -> None:
        """Put other settings in force."""
        old = dict(self.catalog.profiles)
        new = self.profiles(None if self.odds(0.5) else old)
        self.catalog.settings = Settings(profiles=new)
        self.tell(Reconfigured(new))
        self.unknown += [name for name, profile in new.items() if old.get(name) != profile]

    def arrive(self) -> None:
        """Let a request come in, where its model is known."""
        try:
            route = self.router.route(RouteQuery(NAMES[int(self.chance.uniform() * 4)]))
        except RequestError:
            return
        self.tickets += 1
        self.waiting.add(f"t{self.tickets}")
        self.tell(Arrived(Ticket(f"t{self.tickets}", route)))

    def engines(self) -> None:
        """Let an engine get on: a check, a load, a stop, or a look at a header."""
        if self.checking and self.odds(0.5):
            model = self.pick(self.checking)
            self.tell(PreflightDone(model) if self.odds(0.9) else PreflightDone(model, ExitClass.BAD_FLAG, "no"))
        if self.starting and self.odds(0.3):
            model = self.pick(self.starting)
            if self.odds(0.8):
                self.tell(EngineReady(model, 2, 1.0))
            else:
                self.held.discard(model)
                self.tell(EngineFailed(model, ExitClass.OUT_OF_MEMORY if self.odds(0.5) else ExitClass.UNKNOWN, "no"))
        if self.stopping and self.odds(0.5):
            model = self.pick(self.stopping)
            self.held.discard(model)
            self.tell(EngineStopped(model))
        if self.unknown and self.odds(0.5):
            model = self.unknown.pop(0)
            if model in self.catalog.profiles:
                option = LoadOption(0, "v0", needs={CARD: NEEDS}, expected={CARD: NEEDS})
                self.tell(LoadOptionsChanged(model, (option,)))
        self.measure()

    def clients(self) -> None:
        """Let an answer end, well or badly, or its client leave."""
        if self.served:
            ticket = self.pick(self.served)
            if self.odds(0.2):
                self.waiting.add(ticket)
                self.tell(AttemptFailed(ticket, FallbackReason.CRASHED, "no"))
            else:
                self.tell(Finished(ticket, 1.0) if self.odds(0.7) else ClientLeft(ticket))

    def clock(self) -> None:
        """Let time pass, and the owner and the calendar want something."""
        self.now += self.chance.uniform() * 8
        if (due := self.scheduler.next_deadline()) is not None and due <= self.now:
            self.tell(Ticked())
        name = NAMES[int(self.chance.uniform() * 4)]
        if self.odds(0.1):
            self.tell(ScheduleChanged(frozenset({name}), {name: 5.0}))
        if self.odds(0.1):
            self.tell(LoadRequested(name, "asked") if self.odds(0.5) else UnloadRequested(name))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_the_last_settings_hold(seed: int) -> None:
    """After ten reloads among traffic, failures and orders, every request has an end and every model its profile."""
    day = Day(seed)
    for turn in range(200):
        if turn == 20:
            day.tell(Booted())
        if turn % 20 == 0:
            day.reload()
        for what in (day.arrive, day.engines, day.clients, day.clock):
            if day.odds(0.5):
                what()
    for _ in range(600):
        day.engines()
        day.clients()
        day.clock()
    assert (set(), []) == (day.waiting, day.served)
    assert dict(day.catalog.profiles) == {name: model.profile for name, model in day.scheduler.models.items()}
