"""What every owner of a budget has used up, and whether one more request may use up something.

The owners are the key that sent a request, the role that it asked for, its session, the provider of its target and the host as a
whole; all are counted and held to their limits alike. A request is sent on only if what is used up, what the requests in flight
may add and the most that this one may add are within each limit. So a limit in money holds whatever comes back, as far as the
estimates are bounds: the prompt's tokens by its bytes, the answer's by the limit that the request sets. A limit in tokens takes an
answer to be a usual one, since clients ask for far more than they get: it may be exceeded by what is in flight. What was used up is
known when a request is answered; of one that was left, it is estimated from the time that it took.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hostd.domain.budget import Account, Accounts, Amounts, AtLimit, Budget, Limit, Measure, OthersUse, Owner, Period
from hostd.domain.errors import CapacityError
from hostd.domain.profile import Price
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.scheduling import budget_errors
from hostd.scheduling.budget_errors import Shortage
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.decisions import Charged
from hostd.scheduling.events import DayBegan, SpendingCounted, UsedElsewhere
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.usage import AccountUsage
from hostd.scheduling.view import AccountView, ProviderSpending

UNLIMITED_ANSWER = 16_384
"""Tokens that an answer is taken to cost at most where its request sets no limit."""
USUAL_ANSWER = 1_024
"""Tokens that an answer is taken to have by limits in tokens, until they are counted, unless its request asks for fewer."""
FASTEST = 200.0
"""Tokens a second that no answer is taken to exceed, for those that were left before they were counted."""
_MOST_ACCOUNTS = 10_000
"""Owners that are kept in mind; clients name sessions as they like."""
_NO_BUDGET = Budget()
_UNBILLED = frozenset(
    {
        FallbackReason.CONNECT,
        FallbackReason.CONTENT_POLICY,
        FallbackReason.CONTEXT_TOO_LONG,
        FallbackReason.CRASHED,
        FallbackReason.PRIVACY,
        FallbackReason.STATUS_429,
        FallbackReason.STATUS_5XX,
        FallbackReason.UNFIT,
    }
)


@dataclass(frozen=True, slots=True)
class _Reservation:
    model: ModelState
    accounts: tuple[Account, ...]
    price: Price
    prompt_tokens: int
    answer_tokens: int
    since: float
    most: Amounts


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a request may not use up what it needs at a target: *error* tells it, *at_limit* says what becomes of the request.

    *frees_in* is after how many seconds there may be room.
    """

    error: CapacityError
    at_limit: AtLimit
    frees_in: float


class Spending:
    """The only place where use is counted. *budgets* are those of providers; the others come with each ticket.

    `revision` is another number after whatever an owner has used up, reserved or given back.

    Until what was used up before is known (`SpendingCounted`), nothing is sent that a limit of a day or a month concerns.
    """

    def __init__(self, context: DecisionContext, budgets: Mapping[str, Budget]) -> None:
        self.budgets = dict(budgets)
        self.in_flight: dict[str, _Reservation] = {}
        self.freed = False
        self._context = context
        self._usage: dict[Account, AccountUsage] = {}
        self._day_ends: float | None = None
        self._month_ends: float | None = None
        self.revision = 0

    def own(self) -> dict[Account, OthersUse]:
        """Return what each owner has used up through this host alone, as other hosts count it."""
        return {
            account: OthersUse(usage.day, usage.month, usage.reserved)
            for account, usage in self._usage.items()
            if account.owner is not Owner.HOST
        }

    def used_elsewhere(self, event: UsedElsewhere) -> None:
        """Count what owners have used up through other hosts."""
        self.freed = True
        for account, others in event.used.items():
            self._usage_of(account).take(others, self._context.now, recent=event.recent)

    def counted(self, event: SpendingCounted) -> None:
        """Take in what has been used up before."""
        now = self._context.now
        self._day_ends, self._month_ends = now + event.day_ends_in, now + event.month_ends_in
        for account, used in event.used.items():
            usage = self._usage_of(account)
            usage.day, usage.month = used.day, used.month
        for account, seconds_ago, amounts in event.recent:
            self._usage_of(account).add_recent(amounts, now - seconds_ago)

    def day_began(self, event: DayBegan) -> None:
        """Begin a day with nothing used up."""
        self.revision += 1
        now = self._context.now
        self._day_ends, self._month_ends, self.freed = now + event.day_ends_in, now + event.month_ends_in, True
        for account, usage in list(self._usage.items()):
            usage.begin(month=event.is_month)
            if usage.is_empty:
                del self._usage[account]

    def view(self) -> list[ProviderSpending]:
        """Return the providers that have a cap or have cost anything, by name."""
        known = {each.name: usage for each, usage in self._usage.items() if each.owner is Owner.PROVIDER}
        return [
            ProviderSpending(
                name,
                (usage := known.get(name, AccountUsage())).today.usd,
                usage.in_flight.usd,
                self.budgets.get(name, _NO_BUDGET).limit(Measure.USD, Period.DAY),
                self._day_ends,
            )
            for name in sorted({*self.budgets, *known})
        ]

    def accounts(self) -> list[AccountView]:
        """Return what each owner has used up."""
        minute = {each: Limit(each, Period.MINUTE, 0.0) for each in Measure}
        now = self._context.now
        return [
            AccountView(
                account,
                Amounts(*(usage.used(minute[each], now) for each in Measure)),
                usage.today,
                usage.this_month,
                usage.in_flight,
            )
            for account, usage in self._usage.items()
        ]

    def share_used(self, accounts: Accounts) -> float:
        """Return the largest share that is used up of a limit of a day or a month that one of *accounts* has; 0.0 without any."""
        return max(
            (
                usage.used(limit, self._context.now) / limit.most
                for account, budget in accounts
                if (usage := self._usage.get(account)) is not None
                for limit in budget.limits
                if limit.period in (Period.DAY, Period.MONTH)
            ),
            default=0.0,
        )

    def excess(self, model: ModelState, ticket: Ticket, now: float, *, again: bool = False) -> Excess | None:
        """Return why *ticket* may not be sent to *model*; None where it may. *again* says that it was counted as a request before.

        Of several limits, the one that holds the longest decides.
        """
        if not ticket.accounts and (not self.budgets or model.provider not in self.budgets):
            return None
        price = model.price
        found = [
            excess
            for account, budget in self._owners(model, ticket)
            for limit in budget.limits
            if (excess := self._beyond(model, account, budget, limit, _need(limit, ticket, price, again=again), now))
        ]
        return max(found, key=lambda each: (each.at_limit is AtLimit.REFUSE, each.frees_in), default=None)

    def _owners(self, model: ModelState, ticket: Ticket) -> Iterator[tuple[Account, Budget]]:
        yield from ticket.accounts
        if model.provider is not None and (budget := self.budgets.get(model.provider)) is not None:
            yield Account(Owner.PROVIDER, model.provider), budget

    def _beyond(
        self, model: ModelState, account: Account, budget: Budget, limit: Limit, need: float, now: float
    ) -> Excess | None:
        """Return why *need* is beyond *limit* of *account*; None where it is not."""
        money = limit.measure is Measure.USD
        is_free = money or model.price is None
        if not need or (
            not money and is_free and budget.at_limit is AtLimit.DEGRADE and limit.period is not Period.MINUTE
        ):
            return None
        at_limit = budget.at_limit or (AtLimit.DEGRADE if money else AtLimit.REFUSE)
        if limit.period is Period.MINUTE and at_limit is AtLimit.DEGRADE and not money:
            at_limit = AtLimit.REFUSE
        ends = self._month_ends if limit.period is Period.MONTH else self._day_ends
        if ends is None and limit.period in (Period.DAY, Period.MONTH):
            return Excess(budget_errors.not_counted(account), at_limit, 1.0)
        usage = self._usage.get(account) or AccountUsage()
        used, reserved = usage.used(limit, now), usage.reserved_of(limit.measure)
        if limit.period is Period.REQUEST:
            reserved = 0.0
        if used + reserved + need <= limit.most:
            return None
        frees_in = usage.frees_in(limit, need, now) if limit.period is Period.MINUTE else (ends or now) - now
        shortage = Shortage(account, limit, used, reserved, need, frees_in)
        return Excess(budget_errors.exceeded(model.name, shortage), at_limit, frees_in)

    def reserve(self, model: ModelState, ticket: Ticket, *, again: bool = False) -> None:
        """Note that *ticket* is sent to *model*, which may use something up; *again* as in `excess`."""
        variant = model.variant
        provider = None if variant is None else variant.provider
        if provider is None and not ticket.accounts:
            return
        price, accounts = model.price, tuple(account for account, _ in ticket.accounts)
        if provider is not None and (price is not None or provider in self.budgets):
            accounts = (*accounts, Account(Owner.PROVIDER, provider))
        if not accounts:
            return
        now, answer = self._context.now, ticket.answer_tokens or UNLIMITED_ANSWER
        cost = price or Price()
        most = Amounts(0.0, _usual_tokens(ticket), cost.usd(ticket.prompt_tokens, answer))
        for account in accounts:
            usage = self._usage_of(account)
            usage.reserved = usage.reserved.plus(most)
            if not again:
                usage.add(Amounts(requests=1.0), now)
        self.in_flight[ticket.id] = _Reservation(model, accounts, cost, ticket.prompt_tokens, answer, now, most)

    def answered(self, ticket_id: str, cost: float | None, tokens: int = 0) -> None:
        """Charge an answer with its *cost* (USD) and its *tokens*, or with the most that was foreseen where not counted."""
        if (held := self.in_flight.pop(ticket_id, None)) is not None:
            usd = held.most.usd if cost is None else cost
            self._charge(ticket_id, held, usd, tokens or held.most.tokens, estimated=cost is None and usd > 0)

    def left(self, ticket_id: str, reason: FallbackReason | None = None) -> None:
        """Charge a request that came to no end, its client having left or its target having failed it for *reason*."""
        held = self.in_flight.pop(ticket_id, None)
        if held is None:
            return
        if reason in _UNBILLED:
            self._release(held)
            return
        written = min(held.answer_tokens, int(FASTEST * (self._context.now - held.since)))
        usd = held.price.usd(held.prompt_tokens, written)
        self._charge(ticket_id, held, usd, held.prompt_tokens + written, estimated=True)

    def _release(self, held: _Reservation) -> None:
        self.freed = True
        for account in held.accounts:
            usage = self._usage_of(account)
            usage.reserved = usage.reserved.plus(held.most, -1)

    def _charge(self, ticket_id: str, held: _Reservation, usd: float, tokens: float, *, estimated: bool) -> None:
        self._release(held)
        for account in held.accounts:
            self._usage_of(account).add(Amounts(0.0, tokens, usd), self._context.now)
        provider = next((each for each in held.accounts if each.owner is Owner.PROVIDER), None)
        today = 0.0 if provider is None else self._usage_of(provider).today.usd
        name = None if provider is None else provider.name
        cap = self.budgets.get(name or "", _NO_BUDGET).limit(Measure.USD, Period.DAY)
        owners = tuple(each for each in held.accounts if each.owner is not Owner.PROVIDER)
        if usd or owners:
            model = held.model.name
            self._context.explain(Charged(model, ticket_id, name, usd, today, cap, estimated, int(tokens), owners))

    def _usage_of(self, account: Account) -> AccountUsage:
        self.revision += 1
        usage = self._usage.get(account)
        if usage is None:
            if len(self._usage) >= _MOST_ACCOUNTS:
                self._forget_session()
            usage = self._usage[account] = AccountUsage()
        return usage

    def _forget_session(self) -> None:
        oldest = next(
            (
                each
                for each, usage in self._usage.items()
                if each.owner is Owner.SESSION and usage.reserved == Amounts()
            ),
            None,
        )
        if oldest is not None:
            del self._usage[oldest]


def _need(limit: Limit, ticket: Ticket, price: Price | None, *, again: bool) -> float:
    """Return the most that *ticket* may use up of what *limit* limits."""
    match limit.measure:
        case Measure.REQUESTS:
            return 0.0 if again else 1.0
        case Measure.TOKENS if limit.period is Period.REQUEST:
            return ticket.prompt_tokens + ticket.answer_tokens
        case Measure.TOKENS:
            return _usual_tokens(ticket)
        case Measure.USD:
            answer = ticket.answer_tokens or UNLIMITED_ANSWER
            return 0.0 if price is None else price.usd(ticket.prompt_tokens, answer)


def _usual_tokens(ticket: Ticket) -> int:
    return ticket.prompt_tokens + min(ticket.answer_tokens or USUAL_ANSWER, USUAL_ANSWER)
