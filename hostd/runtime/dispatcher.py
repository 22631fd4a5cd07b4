"""The loop in front of the scheduler: events are posted here, and effects are performed here and nowhere else.

asyncio runs one callback at a time, so a queue of events needs no task of its own: `post` takes in the event at once, and an event
that is posted while another is being taken in waits its turn. A request that can be served immediately is thus admitted
without a single switch of tasks, and nearly every one of them without an event: `try_admit`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import structlog

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.budget import Accounts
from hostd.domain.errors import Bug
from hostd.domain.lifecycle import State
from hostd.domain.offer import Offers
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.runtime.startable import Preflight, Startable, unchecked
from hostd.scheduling.decisions import Decision
from hostd.scheduling.effects import (
    Effect,
    Explain,
    Prove,
    Refuse,
    Remove,
    RunPreflight,
    Serve,
    Sleep,
    Start,
    Stop,
    Wake,
)
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
    ClientLeft,
    Event,
    Finished,
    LoadRequested,
    PreflightDone,
    Ticked,
    UnloadRequested,
)
from hostd.scheduling.memory_use import MemoryUse
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import (
    AccountView,
    MemoryView,
    ModelView,
    ProviderSpending,
    QueuePosition,
    RequestView,
    SchedulerView,
)

log = structlog.get_logger()


class RequestRefused(Exception):
    """The scheduler refused a request; carries its `Refuse` effect."""

    def __init__(self, effect: Refuse) -> None:
        super().__init__(effect.error.message)
        self.effect = effect


class Dispatcher:
    """Owns the scheduler. `post` is for reports; `admit`, `next_target`, `load` and `unload` wait for the outcome."""

    def __init__(
        self,
        scheduler: Scheduler,
        instances: Mapping[str, Startable],
        decided: Callable[[Decision], None] = lambda _: None,
        *,
        heard: Callable[[Event], None] = lambda _: None,
        preflight: Preflight = unchecked,
        remove: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the scheduler and the instances that it commands.

        *decided* is told of each decision, *heard* of each event that the scheduler has taken in. *preflight* looks at a load
        before a model is evicted for it, and returns what the scheduler is to be told. *remove* forgets the instance of a model
        that the owner has removed.
        """
        self.scheduler = scheduler
        self._instances = instances
        self._decided = decided
        self._heard = heard
        self._preflight = preflight
        self._remove = remove
        self._checking: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._busy = False
        self._verdicts: dict[str, Serve | Refuse] = {}
        self._waiting: dict[str, asyncio.Future[Serve | Refuse]] = {}
        self._watching: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        # Kept beside the timer, which cannot be asked: uvloop's has no time once that has come.
        self._timer_at: float | None = None

    def post(self, event: Event) -> None:
        """Let the scheduler take in *event* and perform what it decides."""
        self._events.append(event)
        # Performing an effect may report an event at once; the scheduler takes it in when it is done with this one.
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                event = self._events.popleft()
                for effect in self.scheduler.handle(event, self._loop.time()):
                    self._perform(effect)
                self._heard(event)
        finally:
            self._busy = False
        for future in self._watching:
            if not future.done():
                future.set_result(None)
        self._set_timer()

    def view(self) -> SchedulerView:
        """Return what may be seen of the scheduler now."""
        return self.scheduler.view()

    def model(self, name: str) -> ModelView:
        """Return what may be seen of one model now."""
        return self.scheduler.model(name)

    def memory(self) -> MemoryView:
        """Return the scheduler's account of the memory now."""
        return self.scheduler.memory(self._loop.time())

    def memory_use(self) -> MemoryUse:
        """Return who holds what of each pool now."""
        return self.scheduler.memory_use()

    def requests(self, most: int | None = None) -> list[RequestView]:
        """Return every request that is being answered or waits now; *most* as for `RequestView.of`."""
        return self.scheduler.requests(most)

    def spending(self) -> list[ProviderSpending]:
        """Return what providers have cost today, and what they may."""
        return self.scheduler.spending()

    def accounts(self) -> list[AccountView]:
        """Return what each owner of a budget has used up."""
        return self.scheduler.accounts()

    def offers(self, models: Iterable[str], accounts: Accounts = ()) -> Offers:
        """Return what *models* would take for a request that arrives now, and how much of the budgets of *accounts* is used up."""
        return self.scheduler.offers(models, accounts)

    def position(self, ticket_id: str) -> QueuePosition | None:
        """Return where a request waits now, or None when it does not wait."""
        return self.scheduler.position(ticket_id)

    def try_admit(self, ticket: Ticket) -> Serve | None:
        """Return where *ticket* is served, if its model is ready and has a free slot; None: nothing was done, `admit` may wait."""
        if self._busy or (admitted := self.scheduler.admit(ticket, self._loop.time())) is None:
            return None
        serve, routed = admitted
        self._decided(routed)
        return serve

    async def admit(self, ticket: Ticket) -> Serve:
        """Return where *ticket* is to be served, once it is its turn.

        Raises:
            RequestRefused: The scheduler refused it.
        """
        if (serve := self.try_admit(ticket)) is not None:
            return serve
        self.post(Arrived(ticket))
        return await self._verdict(ticket.id)

    def finished(
        self,
        ticket_id: str,
        seconds: float,
        cost: float | None = None,
        sums: AnswerSums | None = None,
        tokens: int = 0,
    ) -> None:
        """Report that a request was answered in full, after so many *seconds* of the engine's work.

        The rest is as for `Finished`.
        """
        if self._busy or not self.scheduler.finish(ticket_id, seconds, self._loop.time(), sums):
            self.post(Finished(ticket_id, seconds, cost, sums, tokens))
        else:
            self._set_timer()

    @property
    def refuses_by_digest(self) -> bool:
        """Whether tickets should have a digest, as some are refused by it."""
        return self.scheduler.refuses_by_digest

    async def next_target(self, failure: AttemptFailed) -> Serve:
        """Report that a target failed a request before its first content byte; return where it is served next.

        Raises:
            RequestRefused: No target is left.
        """
        self.post(failure)
        return await self._verdict(failure.ticket_id)

    def client_left(self, ticket_id: str, digest: str | None = None, *, broke_off: bool = False) -> None:
        """Take a request out, wherever it is: its client has disconnected, or its target *broke_off* the answer.

        *digest* as in `AttemptFailed`.
        """
        self._verdicts.pop(ticket_id, None)
        self.post(ClientLeft(ticket_id, digest, broke_off))

    async def load(self, model: str) -> State:
        """Load a model by hand and return the state in which this ends: ready, failed, or cold when it was unloaded."""
        self.post(LoadRequested(model, "asked"))
        return await self.until_state(model, {State.READY, State.FAILED, State.COLD})

    async def unload(self, model: str) -> State:
        """Unload a model by hand and return the state in which this ends."""
        self.post(UnloadRequested(model))
        return await self.until_state(model, {State.COLD, State.FAILED, State.LOADING, State.READY})

    async def until_state(self, name: str, states: set[State]) -> State:
        """Wait until a model's state is among *states* and return it; one that was removed is cold."""
        model = self.scheduler.models.get(name)
        if model is None:
            return State.COLD
        while model.state not in states or model.start_requested or model.pending_load is not None:
            await self.changed()
        return model.state

    async def changed(self) -> None:
        """Wait until an event has been taken in, which may have changed any model."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._watching.add(future)
        try:
            await future
        finally:
            self._watching.discard(future)

    def close(self) -> None:
        """Set no more timers, and end the preflights under way."""
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
            case Prove(model):
                self._instances[model].prove()
            case Remove(model):
                self._remove(model)
            case Explain(decision):
                self._decided(decision)

    async def _check(self, model: str, option: LoadOption) -> None:
        try:
            events = await self._preflight(model, option)
        except Exception as error:  # the scheduler waits for an answer, whatever goes wrong
            log.exception("bug", model=model)
            events = (
                PreflightDone(model, ExitClass.UNKNOWN, f"hostd failed to look at the load beforehand: {error!r}"),
            )
        for event in events:
            self.post(event)

    def _deliver(self, verdict: Serve | Refuse) -> None:
        # A verdict that is made within `post` comes before the request has begun to wait for it.
        future = self._waiting.get(verdict.ticket_id)
        if future is None:
            self._verdicts[verdict.ticket_id] = verdict
        elif not future.done():
            future.set_result(verdict)
        elif not future.cancelled():  # that client has left, and will say so
            raise Bug(f"ticket {verdict.ticket_id} was given two verdicts")

    def _set_timer(self) -> None:
        """Have `Ticked` posted at the earliest deadline; a timer that is set for it already stays."""
        at = self.scheduler.next_deadline()
        if self._timer is not None:
            if self._timer_at == at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = None if at is None else self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.post(Ticked())
