"""Which of the models that are enough has the best price: money, and the time that a request takes there at what a minute is worth.

The time is the wait for a slot, the load of a model that is not warm, and the tokens that are read and written at measured speeds.
The model that a conversation was answered by last has read most of it; any other reads it from the beginning, which is the price
of a switch.
"""

from collections.abc import Mapping
from typing import NamedTuple

from hostd.domain.offer import Offer
from hostd.routing.session import ConversationState

UNMEASURED_READS, UNMEASURED_WRITES = 1000.0, 30.0
"""Tokens a second that a model is taken to read and to write before it was measured: those of common ones on common machines."""
SPARES = 2.0
"""Seconds that a model has to spare a request for each level below its own that is enough: it is kept for what needs it."""
MINUTE_USD = 0.05
"""What a minute of waiting is worth where the owner does not say: 3 USD an hour."""
_UNKNOWN = Offer()


class Sizes(NamedTuple):
    """The tokens of a request: those of its *prompt*, and of its *answer* as far as it can be foreseen."""

    prompt: int
    answer: int


class Pricing(NamedTuple):
    """The models with the best price first. *why* tells that of the first, empty where there is no choice.

    *meanwhile* would have the best price if it was loaded, and may be loaded while the first one answers.
    """

    order: tuple[str, ...]
    why: str = ""
    meanwhile: str | None = None


class _Cost(NamedTuple):
    usd: float
    seconds: float


def by_price(
    abilities: Mapping[str, int],
    offers: Mapping[str, Offer],
    sizes: Sizes,
    state: ConversationState | None,
    minute_usd: float,
) -> Pricing:
    """Return the models in *abilities*, which are all enough, by their price; those that are not available come last."""
    if len(abilities) < 2 or not offers:
        return Pricing(tuple(sorted(abilities, key=abilities.__getitem__)))
    levels = sorted(set(abilities.values()))
    costs = {name: _cost(offers.get(name, _UNKNOWN), sizes, _read_before(name, offers, state)) for name in abilities}

    def price(name: str, *, loaded: bool = False) -> float:
        seconds = costs[name].seconds + SPARES * levels.index(abilities[name])
        seconds -= offers.get(name, _UNKNOWN).load if loaded else 0.0
        return round(costs[name].usd + seconds / 60.0 * minute_usd, 9)

    order = sorted(abilities, key=lambda name: (not offers.get(name, _UNKNOWN).available, price(name), abilities[name]))
    first = order[0]
    why = f"best price of {len(order)}: {costs[first].usd:.4f} USD, {costs[first].seconds:.1f} s"
    candidates = (name for name in order[1:] if offers.get(name, _UNKNOWN).loadable and offers[name].available)
    better = [name for name in candidates if price(name, loaded=True) < price(first, loaded=True)]
    if not better:
        return Pricing(tuple(order), why)
    meanwhile = min(better, key=lambda name: price(name, loaded=True))
    return Pricing(tuple(order), f"{why}; {meanwhile} is loaded meanwhile", meanwhile)


def _read_before(model: str, offers: Mapping[str, Offer], state: ConversationState | None) -> int:
    """Return how many tokens of the conversation *model* need not read again."""
    there = state is not None and state.model == model and offers.get(model, _UNKNOWN).load == 0.0
    return state.tokens if state is not None and there else 0


def _cost(offer: Offer, sizes: Sizes, read_before: int) -> _Cost:
    tokens = max(0, sizes.prompt - read_before)
    reading = tokens / (offer.reads or UNMEASURED_READS)
    if offer.reads is None and offer.ttft is not None:
        reading = offer.ttft
    seconds = offer.wait + offer.load + reading + sizes.answer / (offer.writes or UNMEASURED_WRITES)
    return _Cost(offer.price.of(sizes.prompt, sizes.answer) or 0.0, seconds)
