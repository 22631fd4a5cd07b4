"""The only decision-maker: which request is served where, waits or is refused, and which engines start and stop.

Theory of operation. The scheduler holds one `ModelState` per profile, and two halves write to it: `RequestFlow` decides over
requests, `EngineController` over engines and memory. Events go in by `handle`, effects come out in the order in which they are to
be performed. The scheduler owns the lifecycle state of every instance; instances only report what they see. Nothing here waits or
reads a clock: deadlines are named in the `DecisionContext`, and the dispatcher sends `Ticked` when the earliest has passed.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.budget import Account, Accounts, Budget, OthersUse
from hostd.domain.errors import Bug
from hostd.domain.host import Pool
from hostd.domain.lifecycle import State
from hostd.domain.offer import Offers
from hostd.domain.profile import Profile
from hostd.domain.ticket import Ticket
from hostd.scheduling import refusal_errors
from hostd.scheduling.card_control import CardControl
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.decisions import Routed
from hostd.scheduling.effects import Effect, Serve
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
    Booted,
    CardsReturned,
    ClientLeft,
    DayBegan,
    EngineEvent,
    EngineFailed,
    EngineKept,
    EngineProved,
    EngineReady,
    EngineSlept,
    EngineStopped,
    Event,
    Finished,
    HostResumed,
    LoadOptionsChanged,
    LoadRequested,
    MemoryMeasured,
    ModelEvent,
    PinRequested,
    PreflightDone,
    Reconfigured,
    RoutedPast,
    ScheduleChanged,
    ShutdownRequested,
    SpeedsRecalled,
    SpendingCounted,
    SuspendAnnounced,
    Ticked,
    UnloadRequested,
    UsedElsewhere,
)
from hostd.scheduling.memory_use import MemoryUse
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.offers import offer_of
from hostd.scheduling.reconfiguration import Reconfiguration
from hostd.scheduling.request_failures import RequestFailures
from hostd.scheduling.request_flow import RequestFlow
from hostd.scheduling.spending import Spending
from hostd.scheduling.view import (
    AccountView,
    MemoryView,
    ModelView,
    ProviderSpending,
    QueuePosition,
    RequestView,
    SchedulerView,
)

_NO_BUDGETS: Mapping[str, Budget] = MappingProxyType({})


class Scheduler:
    """Turns events into effects by `handle`; `view` and its like show what it knows. Without *pools*, no memory is counted.

    With *options_follow*, no model is loaded before its `LoadOptionsChanged` has come; requests wait for it. *budgets*
    are those of providers.
    """

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        pools: Iterable[Pool] = (),
        *,
        options_follow: bool = False,
        budgets: Mapping[str, Budget] = _NO_BUDGETS,
    ) -> None:
        self.models = {
            name: ModelState(profile, options_known=not options_follow) for name, profile in profiles.items()
        }
        self._context = DecisionContext()
        self.engines = EngineController(self.models, self._context)
        self._cards = CardControl(self.models, self._context, self.engines)
        self._spending = Spending(self._context, budgets)
        self._requests = RequestFlow(self.models, self._context, self.engines, self._spending)
        self._failures = RequestFailures(self._requests, self._context, self.engines)
        self._reconfiguration = Reconfiguration(self.models, self._context, self.engines, options_follow=options_follow)
        self.engines.ledger.measured(pools, {})

    def __repr__(self) -> str:
        return f"<Scheduler {' '.join(repr(model) for model in self.models.values())}>"

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None when no deadline is set."""
        return self._context.deadlines.next()

    def view(self) -> SchedulerView:
        """Return what may be seen of the scheduler now."""
        models = {name: self.model(name) for name in self.models}
        return SchedulerView(models, self.engines.preload.over, dict(self.engines.warm_policy.left_out))

    def model(self, name: str) -> ModelView:
        """Return what may be seen of one model now."""
        return ModelView.of(self.models[name], self.engines.warm_policy)

    def memory(self, now: float) -> MemoryView:
        """Return the account of the memory at *now*: what is promised, to which models, and what waits for more."""
        engines = self.engines
        return MemoryView.of(self.models, engines.ledger, engines.admission, engines.warm_policy, now)

    def memory_use(self) -> MemoryUse:
        """Return who holds what of each pool now."""
        return MemoryUse.of(self.models, self.engines.ledger)

    def spending(self) -> list[ProviderSpending]:
        """Return what providers have cost today, and what they may."""
        return self._spending.view()

    def own_use(self) -> dict[Account, OthersUse]:
        """Return what each owner of a budget has used up through this host alone, as other hosts count it."""
        return self._spending.own()

    @property
    def use_revision(self) -> int:
        """A number that is another one after `own_use` has changed."""
        return self._spending.revision

    def accounts(self) -> list[AccountView]:
        """Return what each owner of a budget has used up."""
        return self._spending.accounts()

    def requests(self, most: int | None = None) -> list[RequestView]:
        """Return every request that is being answered or waits, model by model; *most* as for `RequestView.of`."""
        return [each for model in self.models.values() for each in RequestView.of(model, most)]

    def position(self, ticket_id: str) -> QueuePosition | None:
        """Return where a request waits, or None when it does not wait."""
        found = self._requests.queue_position(ticket_id)
        if found is None:
            return None
        model, place = found
        return QueuePosition(model.name, model.reported_state, place, model.wait_of(ticket_id))

    def offers(self, names: Iterable[str], accounts: Accounts = ()) -> Offers:
        """Return what those of the models *names* that are here would take for a request, and what is used up of *accounts*."""
        offers = {name: offer_of(self.models[name], self.engines) for name in names if name in self.models}
        return Offers(offers, self._spending.share_used(accounts))

    @property
    def refuses_by_digest(self) -> bool:
        """Whether requests are refused by their digest now, so that tickets should have one."""
        return bool(self._requests.suspects.by_digest)

    def admit(self, ticket: Ticket, now: float) -> tuple[Serve, Routed] | None:
        """Serve *ticket* at once as `handle` would for `Arrived`, where that is all that follows; None: ask `handle`."""
        return None if self._reconfiguration.pending else self._requests.admit(ticket, now)

    def finish(self, ticket_id: str, seconds: float, now: float, sums: AnswerSums | None = None) -> bool:
        """Do what `handle` would for `Finished`, where that has no effects, and return True; False: ask `handle`."""
        # A model that changes or goes does so when it is idle, which this may make it.
        return not self._reconfiguration.pending and self._requests.finish(ticket_id, seconds, now, sums)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in one event at *now* (seconds on any monotonic clock) and return what is to be done, in order."""
        self._context.begin(now)
        match event:
            case Arrived(ticket):
                self._requests.arrived(ticket)
            case Finished():
                self._requests.finished(event)
            case AttemptFailed():
                self._failures.attempt_failed(event)
            case ClientLeft():
                self._failures.client_left(event)
            case RoutedPast(model):
                self._requests.routed_past(model)
            case SpendingCounted():
                self._spending.counted(event)
            case UsedElsewhere():
                self._spending.used_elsewhere(event)
            case DayBegan():
                self._spending.day_began(event)
            case SpeedsRecalled(speeds):
                for name in speeds.keys() & self.models.keys():
                    self.models[name].speed.recall(speeds[name])
            case ShutdownRequested():
                self._close()
            case Ticked():
                self._deadlines_passed()
            case _:
                self._engine_event(event)
        self._requests.budget_freed()
        # Last, for any event may have freed memory, made a model idle, or ended what a load waited for.
        self._reconfiguration.advance()
        self._advance_loads()
        return self._context.effects

    def _engine_event(self, event: EngineEvent) -> None:
        match event:
            case LoadOptionsChanged(model, options, why_not):
                if model in self.models and self._reconfiguration.options_found(event):
                    self.engines.options_changed(self.models[model], options, why_not)
            case MemoryMeasured(pools, held):
                self.engines.memory_measured(pools, held)
            case ScheduleChanged(windows, demand):
                self.engines.schedule_changed(windows, demand)
            case Reconfigured(profiles, budgets, relaunch):
                self._spending.budgets = dict(budgets)
                self._reconfiguration.apply(profiles, relaunch)
            case Booted():
                self.engines.boot()
            case CardsReturned() | SuspendAnnounced() | HostResumed():
                self._cards.handle(event)
            case _ if event.model in self.models:
                self._model_event(event)
            case _:
                # An engine of a model that was removed meanwhile, or an order for one.
                pass

    def _model_event(self, event: ModelEvent) -> None:
        match event:
            case EngineReady(model):
                if self.engines.ready(event):
                    self._requests.model_ready(self.models[model])
            case EngineKept(model, option):
                if self.models[model].state is State.COLD and not self.engines.closing:
                    self.engines.admission.drop(self.models[model])
                    self.engines.commands.adopt(self.models[model], option)
            case EngineFailed(model):
                charged_to = self._failures.charge_crash(self.models[model], event)
                self._requests.breakers.engine_failed(self.models[model], event.detail)
                if self.engines.failed(event, charged_to):
                    self._requests.clear_queue(self.models[model])
                self._failures.breaker_changed(self.models[model])
                self._failures.cause_known(self.models[model])
            case EngineStopped(model):
                self.engines.stopped(self.models[model])
                self._failures.cause_known(self.models[model])
            case EngineSlept(model):
                self.engines.slept(self.models[model])
            case EngineProved(model):
                self.models[model].unproven = False
                self._requests.pump(self.models[model])
            case PreflightDone(model):
                if self.engines.preflight_done(event):
                    self._requests.clear_queue(self.models[model])
            case LoadRequested(model, why):
                self.engines.load(self.models[model], why)
            case UnloadRequested(model, by_client):
                if not by_client or self.models[model].may_be_freed:
                    self.engines.unload(self.models[model], "asked")
            case PinRequested(model, pinned):
                self._reconfiguration.pin(self.models[model], pinned=pinned)

    def _advance_loads(self) -> None:
        """Look at the loads that wait for memory, and serve or move on the requests of those whose wait is over."""
        # What moves on to another model may need a load there, so this is repeated until nothing ends any more.
        while ended := self.engines.admission.advance():
            for load in ended:
                model = self.models[load.model]
                self.engines.load_ended(model, load.why)
                if load.why is not None:
                    self._requests.clear_queue(model, refusal_errors.not_loaded(model, load.why))
        reopened = self.engines.commands.reopened
        while reopened:
            self._requests.pump(reopened.pop())

    def _deadlines_passed(self) -> None:
        for kind, name in self._context.deadlines.due(self._context.now):
            match kind:
                case "queue":
                    if not self._failures.cause_deadline(name):
                        self._requests.queue_deadline(name)
                case "idle":
                    self.engines.idle_deadline(self.models[name])
                case "restart":
                    self.engines.restart_deadline(self.models[name])
                case "drain":
                    self.engines.drain_deadline(self.models[name])
                case "memory":
                    self.engines.admission.changed()
                case "provider":
                    for model in self._requests.limits.over():
                        self._requests.pump(model)
                case "budget":
                    self._requests.try_again(name)
                case "breaker":
                    self._failures.breaker_deadline(self.models[name])
                case "turn":
                    self.engines.turn_deadline(self.models[name])
                case "return":
                    self.engines.return_deadline()
                case _:
                    raise Bug(f"a deadline passed that means nothing: {kind} {name}")

    def _close(self) -> None:
        self.engines.closing = True
        self._requests.refuse_all(refusal_errors.closing())
        self.engines.close()
