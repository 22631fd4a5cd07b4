"""A machine that runs by itself in virtual time: loads, stops and answers take their seconds, and report when they are done."""

import heapq
from collections.abc import Iterable, Mapping
from itertools import count

from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import Effect, Refuse, Serve, Sleep, Start, Stop, Wake
from hostd.scheduling.events import EngineReady, EngineSlept, EngineStopped, Event, Finished, Ticked
from tests.scheduling.memory import Machine

STOPPING, FALLING_ASLEEP, WAKING = 0.5, 0.2, 0.4


class Lively(Machine):
    """Keeps a diary: how long each ticket waited, which were refused, and what was loaded when.

    *service* is how long an answer takes (seconds), *sleep_levels* those that every engine offers.
    """

    def __init__(
        self,
        pools: Mapping[str, float],
        service: float = 0.5,
        sleep_levels: tuple[int, ...] = (),
        **options: tuple[LoadOption, ...],
    ) -> None:
        super().__init__(pools, **options)
        self.service = service
        self.sleep_levels = sleep_levels
        self.waited: dict[str, float] = {}
        self.refused: dict[str, str] = {}
        self.loads: list[tuple[float, str]] = []
        self._coming: list[tuple[float, int, Event]] = []
        self._number = count()
        self._ended: dict[str, int] = {}

    def run(self, until: float, arrivals: Iterable[tuple[float, str, str]] = ()) -> None:
        """Let time pass to *until* while requests (when, ticket, model) come in."""
        pending = sorted(arrivals)[::-1]
        while True:
            times = [self._coming[0][0] if self._coming else until, self.scheduler.next_deadline() or until]
            at = min(*times, pending[-1][0] if pending else until)
            if at >= until:
                self.now = until
                return
            self.now = max(self.now, at)
            if pending and pending[-1][0] <= self.now:
                _, ticket, model = pending.pop()
                self.arrive(ticket, model)
            elif self._coming and self._coming[0][0] <= self.now:
                _, life, event = heapq.heappop(self._coming)
                self._come_true(life, event)
            else:
                self.tell(Ticked())

    def _come_true(self, life: int, event: Event) -> None:
        match event:
            case EngineReady(model) if self._ended.get(model, 0) != life:
                return  # it was stopped before it was ready
            case EngineSlept(model):
                self.held[model] = dict(self.scheduler.models[model].bytes_kept_asleep)
            case _:
                pass
        self.tell(event)

    def _in(self, seconds: float, event: Event, life: int = 0) -> None:
        # Equal times come true in the order in which they were begun; lives are told apart by how many ended.
        heapq.heappush(self._coming, (self.now + seconds + 1e-9 * next(self._number), life, event))

    def _happen(self, effect: Effect) -> list[str]:
        said = super()._happen(effect)
        match effect:
            case Start(model, option):
                seconds = option.load_seconds if option else 1.0
                self.loads.append((self.now, model))
                self._in(seconds, EngineReady(model, 8, seconds, self.sleep_levels), self._ended.get(model, 0))
            case Wake(model):
                awake = self.scheduler.models[model].option
                self.held[model] = dict(awake.needs) if awake else {}
                self._in(WAKING, EngineReady(model, 8, WAKING, self.sleep_levels), self._ended.get(model, 0))
            case Stop(model):
                self._ended[model] = self._ended.get(model, 0) + 1
                self._in(STOPPING, EngineStopped(model))
            case Sleep(model):
                self._in(FALLING_ASLEEP, EngineSlept(model))
            case Serve(ticket_id):
                self.waited[ticket_id] = effect.waited
                self._in(self.service, Finished(ticket_id, self.service))
            case Refuse(ticket_id, error):
                self.refused[ticket_id] = str(error.code)
            case _:
                pass
        return said
