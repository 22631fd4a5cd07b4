"""What having a request answered by a model is expected to take, as the scheduler knows it when the request arrives."""

from collections.abc import Mapping
from typing import NamedTuple

from hostd.domain.profile import Price

FREE = Price()


class Offer(NamedTuple):
    """Times in seconds, speeds in tokens a second; a speed is None where it was not measured yet.

    A slot is free after *wait*, the load of *load* seconds apart that a model takes which is not *warm*. *ttft* is the time to the
    first token of its last answers, whatever their length. One that is not *available* is broken, refused by its provider, or
    cannot be loaded. A *loadable* one is neither warm nor on its way, and could be loaded here.
    """

    wait: float = 0.0
    load: float = 0.0
    reads: float | None = None
    writes: float | None = None
    ttft: float | None = None
    price: Price = FREE
    available: bool = True
    loadable: bool = False


class Offers(NamedTuple):
    """The offers of models by name, and the largest share of a budget of the day or month that is used up, of those asked for."""

    models: Mapping[str, Offer]
    budget_used: float = 0.0
