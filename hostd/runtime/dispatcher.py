"""The mailbox in front of the desk: everybody posts events here, and effects are performed here and nowhere else.

asyncio runs one callback at a time, so a mailbox needs no task of its own: `post` takes in the event at once, and an event
that is posted while another is being taken in waits its turn. A request that can be served immediately is thus admitted
without a single switch of tasks.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from hostd.domain.errors import Bug
from hostd.domain.lifecycle import State
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.domain.ticket import Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.effects import Effect, Explain, Refuse, Remove, RunPreflight, Serve, Sleep, Start, Stop, Wake
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
    ClientLeft,
    Event,
    LoadRequested,
    PreflightDone,
    Ticked,
    UnloadRequested,
)
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import MemoryView, ModelView, QueuePosition, SchedulerView

log = structlog.get_logger()

Preflight = Callable[[str, LoadOption], Awaitable[tuple[Event, ...]]]


class Startable(Protocol):
    """What the dispatcher asks of an instance: all return at once and report later by an event."""

    def start(self, option: LoadOption | None) -> None:
        """Launch the engine."""

    def stop(self) -> None:
        """Stop the engine."""

    def sleep(self, level: int) -> None:
        """Have the engine sleep."""

    def wake(self) -> None:
        """Have the engine wake."""


async def unchecked(model: str, option: LoadOption) -> tuple[Event, ...]:  # noqa: ARG001 - it is asked as a real check is
    """Find nothing against a load, without looking."""
    return (PreflightDone(model),)


class RequestRefused(Exception):
    """The desk refused a ticket; carries its `Refuse` effect."""

    def __init__(self, effect: Refuse) -> None:
        super().__init__(effect.error.message)
        self.effect = effect


class Dispatcher:
    """Owns the desk. `post` is for those who report; `admit`, `move_on`, `load` and `unload` wait for the outcome."""

    def __init__(
        self,
        scheduler: Scheduler,
        instances: Mapping[str, Startable],
        observe: Callable[[Effect], None] = lambda _: None,
        *,
        heard: Callable[[Event], None] = lambda _: None,
        preflight: Preflight = unchecked,
        remove: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the desk and those who do the work.

        *observe* is told of each effect that was performed, *heard* of each event that the desk has taken in. *preflight*
        checks a load before memory is made free for it, and returns what the scheduler is to be told. *remove* forgets the instance
        of a model that the owner has removed.
        """
        self.scheduler = scheduler
        self._instances = instances
        self._observe = observe
        self._heard = heard
        self._preflight = preflight
        self._remove = remove
        self._checking: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._mail: deque[Event] = deque()
        self._busy = False
        self._verdicts: dict[str, Serve | Refuse] = {}
        self._waiting: dict[str, asyncio.Future[Serve | Refuse]] = {}
        self._changed: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def post(self, event: Event) -> None:
        """Let the desk take in *event* and perform what it decides."""
        self._mail.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._mail:
                event = self._mail.popleft()
                for effect in self.scheduler.handle(event, self._loop.time()):
                    self._perform(effect)
                self._heard(event)
        finally:
            self._busy = False
        self._set_timer()

    def view(self) -> SchedulerView:
        """Return what may be seen of the scheduler now."""
        scheduler = self.scheduler
        return SchedulerView.of(scheduler.models, scheduler.warm_policy, settled=scheduler.settled)

    def model(self, name: str) -> ModelView:
        """Return what may be seen of one model now."""
        return ModelView.of(self.scheduler.models[name], self.scheduler.warm_policy)

    def memory(self) -> MemoryView:
        """Return the scheduler's account of the memory now."""
        scheduler = self.scheduler
        return MemoryView.of(scheduler.models, scheduler.admission, scheduler.warm_policy, self._loop.time())

    def position(self, ticket_id: str) -> QueuePosition | None:
        """Return where a request waits now, or None when it does not wait."""
        if (found := self.scheduler.position(ticket_id)) is None:
            return None
        return QueuePosition(found[0], self.scheduler.models[found[0]].reported_state, found[1])

    async def admit(self, ticket: Ticket) -> Serve:
        """Return where *ticket* is to be served, once it is its turn.

        Raises:
            Refused: The desk turned it away.
        """
        self.post(Arrived(ticket))
        return await self._verdict(ticket.id)

    async def next_target(self, ticket_id: str, reason: FallbackReason, detail: str, status: int = 503) -> Serve:
        """Report that a target failed a ticket before its first content byte; return where it is served next.

        Raises:
            Refused: No target is left.
        """
        self.post(AttemptFailed(ticket_id, reason, detail, status))
        return await self._verdict(ticket_id)

    def client_left(self, ticket_id: str) -> None:
        """Take a ticket out wherever it is: its client has gone."""
        self._verdicts.pop(ticket_id, None)
        self.post(ClientLeft(ticket_id))

    async def load(self, model: str) -> State:
        """Load a model by hand and return the state in which this ends: ready, failed, or cold when it was unloaded."""
        self.post(LoadRequested(model, "asked"))
        return await self.until_state(model, {State.READY, State.FAILED, State.COLD})

    async def unload(self, model: str) -> State:
        """Unload a model by hand and return the state in which this ends."""
        self.post(UnloadRequested(model))
        return await self.until_state(model, {State.COLD, State.FAILED, State.LOADING, State.READY})

    async def until_state(self, name: str, states: set[State]) -> State:
        """Wait until a model's state is among *states* and return it."""
        model = self.scheduler.models[name]
        while model.state not in states or model.start_requested or model.pending_load is not None:
            await self.changed()
        return model.state

    async def changed(self) -> None:
        """Wait until any model's engine starts, stops or fails."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._changed.add(future)
        try:
            await future
        finally:
            self._changed.discard(future)

    def close(self) -> None:
        """Set no more timers, and look at no more loads."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._checking:
            task.cancel()

    async def _verdict(self, ticket_id: str) -> Serve:
        verdict = self._verdicts.pop(ticket_id, None)
        if verdict is None:
            future = self._waiting[ticket_id] = self._loop.create_future()
            try:
                verdict = await future
            finally:
                del self._waiting[ticket_id]
        if isinstance(verdict, Refuse):
            raise RequestRefused(verdict)
        return verdict

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Serve() | Refuse():
                self._deliver(effect)
            case RunPreflight(model, option):
                task = self._loop.create_task(self._check(model, option), name=f"check {model}")
                self._checking.add(task)
                task.add_done_callback(self._checking.discard)
            case Start(model, option):
                self._instances[model].start(option)
            case Stop(model):
                self._instances[model].stop()
            case Sleep(model, level):
                self._instances[model].sleep(level)
            case Wake(model):
                self._instances[model].wake()
            case Remove(model):
                self._remove(model)
            case Explain():
                self._tell()
        self._observe(effect)

    async def _check(self, model: str, option: LoadOption) -> None:
        try:
            events = await self._preflight(model, option)
        except Exception as error:  # the desk waits for an answer, whatever goes wrong
            log.exception("bug", model=model)
            events = (
                PreflightDone(model, ExitClass.UNKNOWN, f"hostd failed to look at the load beforehand: {error!r}"),
            )
        for event in events:
            self.post(event)

    def _deliver(self, verdict: Serve | Refuse) -> None:
        future = self._waiting.get(verdict.ticket_id)
        if future is None:
            self._verdicts[verdict.ticket_id] = verdict
        elif not future.done():
            future.set_result(verdict)
        elif not future.cancelled():
            raise Bug(f"ticket {verdict.ticket_id} was given two verdicts")

    def _tell(self) -> None:
        for future in self._changed:
            if not future.done():
                future.set_result(None)

    def _set_timer(self) -> None:
        at = self.scheduler.next_deadline()
        if self._timer is not None and (at is None or self._timer.when() != at):
            self._timer.cancel()
            self._timer = None
        if at is not None and self._timer is None:
            self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.post(Ticked())
