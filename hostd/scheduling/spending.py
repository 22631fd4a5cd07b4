"""What each provider has cost since midnight, and whether one more request may cost something there.

A provider with a cap is sent a request only if all that it has cost today, all that the requests in flight there may cost yet, and
the most that this one may cost stay below the cap. So the cap holds whatever comes back, as far as the estimates are bounds: the
prompt's tokens by its bytes, the answer's by the limit that the request sets. What a request cost is known when it is
answered; of one that was left, it is estimated from the time that it took.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hostd.domain.errors import CapacityError
from hostd.domain.prices import price_of
from hostd.domain.profile import Price
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.decisions import Charged
from hostd.scheduling.events import SpendingCounted
from hostd.scheduling.model_state import ModelState

UNLIMITED_ANSWER = 16_384
"""Tokens that an answer is taken to have at most where its request sets no limit."""
FASTEST = 200.0
"""Tokens a second that no answer is taken to exceed, for those that were left before they were counted."""
_PER_MILLION = 1_000_000
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
    provider: str
    price: Price
    prompt_tokens: int
    answer_tokens: int
    since: float

    @property
    def usd(self) -> float:
        """The most that the request may cost."""
        return _cost(self.price, self.prompt_tokens, self.answer_tokens)


@dataclass(frozen=True, slots=True)
class ProviderSpending:
    """USD of one provider: since midnight, the most that requests in flight may add, and the cap of a day (None: there is none).

    *resets_at* is the next midnight, on the scheduler's clock; None where it is not known.
    """

    provider: str
    today: float
    reserved: float
    cap: float | None
    resets_at: float | None


class Spending:
    """The only place where spending is counted. *caps* are USD of a day, by provider.

    Until what was spent before is known (`SpendingCounted`), a provider with a cap is not used.
    """

    def __init__(self, context: DecisionContext, caps: Mapping[str, float]) -> None:
        self.caps = dict(caps)
        self.in_flight: dict[str, _Reservation] = {}
        self._context = context
        self._today: dict[str, float] = {}
        self._resets_at: float | None = None

    def counted(self, event: SpendingCounted) -> None:
        """Take in what has been spent since midnight."""
        self._today = dict(event.today)
        self._resets_at = self._context.now + event.resets_in

    def view(self) -> list[ProviderSpending]:
        """Return the providers that have a cap or have cost anything, by name."""
        reserved: dict[str, float] = {}
        for each in self.in_flight.values():
            reserved[each.provider] = reserved.get(each.provider, 0.0) + each.usd
        return [
            ProviderSpending(
                name, self._today.get(name, 0.0), reserved.get(name, 0.0), self.caps.get(name), self._resets_at
            )
            for name in sorted({*self.caps, *self._today, *reserved})
        ]

    def error(self, model: ModelState, ticket: Ticket) -> CapacityError | None:
        """Return why *ticket* may not cost anything at *model* today; None where it may."""
        provider = model.provider
        cap = None if provider is None else self.caps.get(provider)
        if provider is None or cap is None:
            return None
        if self._resets_at is None:
            return CapacityError(
                f"'{model.name}' is not used before it is known what '{provider}' has cost today",
                code=FallbackReason.BUDGET,
                retry_after=1.0,
            )
        # Of a model without a price nothing is known; the files are checked for one wherever there is a cap.
        most = self._most(model, ticket)
        spent = self._today.get(provider, 0.0)
        reserved = sum(each.usd for each in self.in_flight.values() if each.provider == provider)
        if most is not None and spent + reserved + most <= cap:
            return None
        left = self._resets_at - self._context.now
        error = CapacityError(
            f"'{model.name}' is not used: '{provider}' has cost {spent:.4f} USD today, requests under way there may cost "
            f"{reserved:.4f}, and this one {most or 0.0:.4f}; providers.{provider}.daily_usd in hostd.yaml is {cap:g}, and "
            f"counts anew in {left / 3600:.1f} h",
            code=FallbackReason.BUDGET,
            status=429,
            retry_after=left,
        )
        error.retry_in_vain = True
        return error

    def reserve(self, model: ModelState, ticket: Ticket) -> None:
        """Note that *ticket* is sent to *model*, which may cost something."""
        if (provider := model.provider) is not None and (price := _price(model)) is not None:
            answer = ticket.answer_tokens or UNLIMITED_ANSWER
            now = self._context.now
            self.in_flight[ticket.id] = _Reservation(model, provider, price, ticket.prompt_tokens, answer, now)

    def answered(self, ticket_id: str, cost: float | None) -> None:
        """Charge an answer with its *cost* (USD), or with the most that it may have cost where that was not counted."""
        if (held := self.in_flight.pop(ticket_id, None)) is not None:
            self._charge(ticket_id, held, held.usd if cost is None else cost, estimated=cost is None)

    def left(self, ticket_id: str, reason: FallbackReason | None = None) -> None:
        """Charge a request that came to no end, its client having left or its target having failed it for *reason*."""
        held = self.in_flight.pop(ticket_id, None)
        if held is None or reason in _UNBILLED:
            return
        written = min(held.answer_tokens, int(FASTEST * (self._context.now - held.since)))
        self._charge(ticket_id, held, _cost(held.price, held.prompt_tokens, written), estimated=True)

    def _charge(self, ticket_id: str, held: _Reservation, usd: float, *, estimated: bool) -> None:
        today = self._today[held.provider] = self._today.get(held.provider, 0.0) + usd
        cap = self.caps.get(held.provider)
        if usd:
            name = held.model.name
            self._context.explain(Charged(name, ticket_id, held.provider, usd, today, cap, estimated))

    def _most(self, model: ModelState, ticket: Ticket) -> float | None:
        price = _price(model)
        if price is None:
            return None
        return _cost(price, ticket.prompt_tokens, ticket.answer_tokens or UNLIMITED_ANSWER)


def _price(model: ModelState) -> Price | None:
    return None if model.variant is None else price_of(model.profile, model.variant)


def _cost(price: Price, prompt_tokens: int, answer_tokens: int) -> float:
    return (price.input * prompt_tokens + price.output * answer_tokens) / _PER_MILLION
