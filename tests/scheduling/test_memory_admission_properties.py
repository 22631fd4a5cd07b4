"""Any order of events on a machine with too little memory: it is never over-committed, and no model is evicted without need.

The rules are those of `test_request_flow_properties`; what they say of tickets and engines must hold here too. Besides, loads are
checked, memory is measured when it pleases, and other programs come and go.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from hostd.domain.footprint import ElasticMemory
from hostd.domain.host import Pool, PoolKind
from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption, excess
from hostd.scheduling.effects import Effect, Explain, RunPreflight, Sleep, Start, Stop, Wake
from hostd.scheduling.events import (
    EngineFailed,
    EngineSlept,
    EngineStopped,
    Event,
    LoadOptionsChanged,
    LoadRequested,
    MemoryMeasured,
    PreflightDone,
    ScheduleChanged,
)
from hostd.scheduling.model_decisions import Evicted, InsufficientMemory, LoadDeferred
from tests.routing.routing_stage import router
from tests.scheduling.checked_scheduler import Engine
from tests.scheduling.test_request_flow_properties import PICK, AnyOrder, profile_sets

CAPACITY = 10
POOLS = ("cuda:0", "cuda:1")
FIRST, SECOND = POOLS[:1], POOLS[1:]
WHERE: tuple[tuple[tuple[str, ...], ...], ...] = ((FIRST,), (FIRST,), (FIRST, SECOND), (FIRST, POOLS))
"""On which cards a variant may be loaded, the last time on both at once."""


@st.composite
def choices(draw: st.DrawFn) -> tuple[LoadOption, ...]:
    """Draw one to three ways to load a model, some of which may be too large for the machine, some of use with more memory."""
    found = []
    for variant in range(draw(st.sampled_from([1, 1, 2, 3]))):
        for where in draw(st.sampled_from(WHERE)):
            needs = {pool: draw(st.integers(1, 11)) for pool in where}
            peak = {where[0]: draw(st.sampled_from([0, 0, 1, 2]))}
            label = f"v{variant}@{'+'.join(where)}"
            elastic = draw(st.sampled_from([(), (ElasticMemory("cache", where[:1], 1, 3),)]))
            found.append(
                LoadOption(
                    variant,
                    label,
                    Placement(devices=tuple((pool, 1.0) for pool in where)),
                    needs=needs,
                    expected=needs,
                    transient=peak,
                    load_seconds=4.0,
                    elastic=elastic,
                )
            )
    return tuple(found)


class TooLittle(AnyOrder):
    """The same models on two small cards."""

    may_close_after = 60

    def __init__(self) -> None:
        super().__init__()
        self.others = dict.fromkeys(POOLS, 0)
        self.seen_of_others = dict(self.others)
        self.held: dict[str, dict[str, int]] = {}
        self.tells = True
        self.asked: dict[str, LoadOption] = {}
        self.dozing: set[str] = set()
        self.evicting: dict[str, list[Evicted]] = {}

    @initialize(
        app=profile_sets(sizes=(2, 3, 4, 4), pinned=(False, False, False, True)),
        modes=st.lists(choices(), min_size=4, max_size=4),
        cards=st.integers(1, 2),
        sleep_levels=st.sampled_from([(), (1, 2)]),
        tells=st.sampled_from([True, True, False]),
    )
    def set_up(
        self,
        app: dict[str, Profile],
        modes: list[tuple[LoadOption, ...]],
        cards: int,
        sleep_levels: tuple[int, ...],
        tells: bool,
    ) -> None:
        """Load models until the memory is full; the driver tells what each process holds, or it does not."""
        super().set_up(app)
        self.sleep_levels, self.tells = sleep_levels, tells
        self.cards = POOLS[:cards]
        self.scheduler = self.make_scheduler(app, self._seen().pools)
        self.directory = router(*app.values())
        for name, found in zip(app, modes, strict=False):
            here = tuple(option for option in found if set(option.needs) <= set(self.cards))
            self._tell(LoadOptionsChanged(name, here))
        for name in app:
            self._tell(LoadRequested(name, "asked"))
            self.go_well(6)
        self.pass_time(10.0)

    @precondition(lambda self: self.asked)
    @rule(
        pick=PICK,
        trouble=st.sampled_from([None, None, None, ExitClass.BAD_FLAG, ExitClass.MISSING_FILE, ExitClass.UNKNOWN]),
    )
    def check(self, pick: int, trouble: ExitClass | None) -> None:
        """A load is looked at before it begins, and the memory with it."""
        model = sorted(self.asked)[pick % len(self.asked)]
        del self.asked[model]
        self.measure(0.0)
        self._tell(PreflightDone(model, trouble, "it said so"))

    @precondition(lambda self: self.dozing)
    @rule(pick=PICK, really=st.booleans())
    def fall_asleep(self, pick: int, *, really: bool) -> None:
        """An engine that was told to sleep does, or cannot and is ended."""
        model = sorted(self.dozing)[pick % len(self.dozing)]
        self.dozing.discard(model)
        if really:
            self.held[model] = {}
            self._tell(EngineSlept(model))
        elif not self.engines[model].told_to_stop:
            self.engines[model] = Engine(life=self.engines[model].life)
            self._tell(EngineStopped(model))

    @rule(times=st.integers(1, 6))
    def go_well(self, times: int) -> None:
        """For a while everything comes out as it should: checks pass, loads end well, stops are done."""
        for _ in range(times):
            doomed = [name for name in self._ending() if self._engine_is_doomed(name)]
            if not (self.asked or self.dozing or doomed or self._those(loading=True)) or not self._calm_down():
                return

    @rule(share=st.sampled_from([1.0, 0.5, 0.0]))
    def measure(self, share: float) -> None:
        """The memory is measured while those that load have taken their *share* so far."""
        self._tell(self._seen(share))

    @rule(pick=PICK, count=st.integers(0, 4))
    def others_take(self, pick: int, count: int) -> None:
        """Other programs take free memory, or give some back."""
        pool = self.cards[pick % len(self.cards)]
        self.others[pool] = min(count, CAPACITY - self._used(pool))

    @rule(pick=PICK, demand=st.sampled_from([0.0, 5.0, 500.0]), window=st.booleans())
    def turn_the_hour(self, pick: int, demand: float, *, window: bool) -> None:
        """Another hour begins."""
        model = list(self.profiles)[pick % len(self.profiles)]
        self._tell(ScheduleChanged(frozenset([model] if window else []), {model: demand}))

    def _used(self, pool: str) -> int:
        return sum(held.get(pool, 0) for held in self.held.values())

    def _seen(self, share: float = 1.0) -> MemoryMeasured:
        taken = {
            model: {pool: int(n * (share if self.engines[model].slots == 0 else 1.0)) for pool, n in held.items()}
            for model, held in self.held.items()
        }
        pools = []
        for name in getattr(self, "cards", POOLS):
            free = CAPACITY - sum(held.get(name, 0) for held in taken.values()) - self.others[name]
            pools.append(Pool(name, PoolKind.VRAM, name, CAPACITY, max(0, free), CAPACITY))
        # Whether growth is others' or that of a load which has nothing to its name yet cannot be known.
        doubtful = share < 1.0 and any(engine.runs and engine.slots == 0 for engine in self.engines.values())
        before = self.seen_of_others if doubtful else self.others
        self.seen_of_others = {name: min(before[name], count) for name, count in self.others.items()}
        return MemoryMeasured(tuple(pools), taken if self.tells else {})

    def _tell(self, event: Event) -> None:
        # What has ended holds nothing, whatever is begun in the same moment.
        if isinstance(event, EngineFailed | EngineStopped):
            self.held.pop(event.model, None)
        super()._tell(event)

    def _saw(self, effect: Effect) -> None:
        match effect:
            case RunPreflight(name, option):
                self.asked[name] = option
            case Start(name, option) if option is not None:
                self._check_promise(name)
                assert name not in self.held, "memory promised to what still holds some"
                self.held[name] = dict(option.needs)
            case Wake(name):
                self._check_promise(name)
                self.engines[name].slots = 0
                option = self.scheduler.models[name].option
                self.held[name] = dict(option.needs) if option else {}
            case Sleep(name, _):
                assert self.engines[name].slots > 0, "told to sleep without being awake"
                self.dozing.add(name)
            case Stop(name):
                model = self.scheduler.models[name]
                assert not (model.profile.warm.pinned and self._made_room_with(name)), "a pinned model was evicted"
            case Explain(LoadDeferred(short=short)):
                assert short, "put off although there is memory"
            case Explain(InsufficientMemory(model=name)):
                self._check_hopeless(name)
            case Explain(Evicted() as evicted):
                self.evicting.setdefault(evicted.for_model, []).append(evicted)
            case _:
                pass

    def _check_promise(self, model: str) -> None:
        """Check that what a load may take at most is there, as counted and in truth: beside all that run and all others."""
        self.dozing.discard(model)
        left, option = self.scheduler.engines.ledger.free(), self.scheduler.models[model].option
        assert option is not None
        assert [] == [pool for pool in option.needs if left[pool] < 0], "over-committed"
        if self.tells:
            rest = self._left_beside([other for other in self.held if other != model], self.seen_of_others)
            assert {} == excess(option.peak, rest), "there is less memory than was promised"

    def _check_hopeless(self, model: str) -> None:
        """Check that a load that is refused would not fit even beside the pinned models alone."""
        pinned = [name for name in self.held if name != model and self.profiles[name].warm.pinned]
        most = {pool: max(count, self.seen_of_others[pool]) for pool, count in self.others.items()}
        rest = self._left_beside(pinned, most)
        if self.tells:
            fitting = [option.label for option in self.scheduler.models[model].usable if not excess(option.peak, rest)]
            assert [] == fitting, "refused although there would be room"

    def _left_beside(self, models: list[str], others: dict[str, int]) -> dict[str, int]:
        """Return what *models* and the *others* leave of each card."""
        held = [self.held[model] for model in models]
        return {pool: CAPACITY - others[pool] - sum(each.get(pool, 0) for each in held) for pool in self.cards}

    def _made_room_with(self, model: str) -> bool:
        return any(model == explained.model for batch in self.evicting.values() for explained in batch)

    def _check_tickets(self) -> None:
        super()._check_tickets()
        self.held = {name: held for name, held in self.held.items() if self.engines[name].runs}
        self.dozing = {name for name in self.dozing if self.engines[name].runs}
        for batch in self.evicting.values():
            self._check_minimal(batch)
        self.evicting.clear()

    def _check_returns(self) -> None:
        """Check besides that the only load that waits does not do so beside memory that is free."""
        super()._check_returns()
        admission = self.scheduler.engines.admission
        if len(admission.pending) != 1:
            return
        (pending,) = admission.pending
        model = self.scheduler.models[pending.model]
        if pending.checking is not None or model.state is State.STOPPING or not model.options_known:
            return
        # Once memory is on its way, it waits for the option that was decided on, which may be better than one that fits now.
        if pending.option is not None:
            options = [pending.option]
        else:
            options = [] if any(self.scheduler.engines.ledger.returning().values()) else list(model.usable)
        free = admission._free_for(model)
        assert [] == [each.label for each in options if not excess(each.peak, free)], (
            f"{model} waits beside free memory"
        )

    def _check_minimal(self, batch: list[Evicted]) -> None:
        """Check that no model of those that went for one load could have stayed."""
        needs, soon = batch[0].needs, batch[0].free_soon
        candidates = {each.model: each for each in batch[0].candidates}
        went = [candidates[explained.model].bytes for explained in batch]
        for explained in batch:
            assert candidates[explained.model].free_in_s == 0.0, "a model was evicted before its time"
            assert not self.profiles[explained.model].warm.pinned, "a pinned model was evicted"
        enough = {pool: soon.get(pool, 0) + sum(held.get(pool, 0) for held in went) for pool in needs}
        assert {} == excess(needs, enough), "too few went"
        for spared in range(len(went)):
            rest = [held for number, held in enumerate(went) if number != spared]
            without = {pool: soon.get(pool, 0) + sum(held.get(pool, 0) for held in rest) for pool in needs}
            assert excess(needs, without), f"{batch[spared].model} went without need"

    def _at_rest(self) -> bool:
        waits = [name for name in self.scheduler._context.deadlines._at if name[0] != "return"]
        return waits == []

    def teardown(self) -> None:
        """And who does not run holds nothing that anybody could be kept waiting for."""
        super().teardown()
        if self.sound and self.profiles:
            self.measure(1.0)
            ghosts = [
                name
                for name, engine in self.engines.items()
                if not engine.runs and self.scheduler.engines.ledger.held(name)
            ]
            assert [] == ghosts

    def _calm_down(self) -> bool:
        if self.asked:
            name = min(self.asked)
            del self.asked[name]
            self.measure(1.0)
            self._tell(PreflightDone(name))
            return True
        if self.dozing:
            self.fall_asleep(0, really=True)
            return True
        if any(
            model.state in (State.COLD, State.FAILED, State.SLEEPING) and model.pending_load
            for model in self.scheduler.models.values()
        ):
            self.measure(1.0)
            if self.asked:
                return True
        if self._at_rest() and not self._open() and not self._ending() and self.scheduler.view().settled:
            return False
        return super()._calm_down()


QUICK = settings(max_examples=300, stateful_step_count=50, derandomize=True, database=None)
THOROUGH = settings(max_examples=3000, stateful_step_count=100)

# The same rules are run through the fast path in `test_request_flow` each time.
TestTooLittle = pytest.mark.slow(TooLittle.TestCase)
TestTooLittle.settings = settings(
    THOROUGH if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else QUICK,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
