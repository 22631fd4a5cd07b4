"""What a key, a role, a session, a provider or the whole host may use up in a period, and what happens at the limit."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

_AMOUNT = re.compile(r"\$? *([0-9]+(?:\.[0-9]+)?) *([kM]?) *(USD|tokens?|requests?)?")
_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6}
AMOUNT = r"[0-9]+(\.[0-9]+)? *[kM]? *(USD|tokens?|requests?)"
"""How an amount is written, for the files' schema."""


class Measure(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    USD = "USD"


class Period(StrEnum):
    """Of which time a limit is: one request, the last 60 seconds, or a day or month of the local calendar."""

    REQUEST = "request"
    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


class AtLimit(StrEnum):
    """What becomes of a request that would exceed a limit.

    ``degrade``: a cheaper target answers, or one that costs nothing; ``queue``: it waits until there is room, where that is soon
    enough; ``refuse``: it is answered with 429.
    """

    DEGRADE = "degrade"
    QUEUE = "queue"
    REFUSE = "refuse"


class Amounts(NamedTuple):
    """So many of each measure."""

    requests: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0

    def of(self, measure: Measure) -> float:
        """Return how many there are of *measure*."""
        return self.requests if measure is Measure.REQUESTS else self.tokens if measure is Measure.TOKENS else self.usd

    def plus(self, other: "Amounts", sign: int = 1) -> "Amounts":
        """Return the sum with *other*, or with *sign* -1 the difference."""
        return Amounts(
            self.requests + sign * other.requests, self.tokens + sign * other.tokens, self.usd + sign * other.usd
        )


class Limit(NamedTuple):
    """At most so many of a measure in a period."""

    measure: Measure
    period: Period
    most: float

    def __str__(self) -> str:
        return f"{amount_text(self.measure, self.most)} a {self.period}"


class Budget(NamedTuple):
    """The limits of one owner. Without *at_limit*, money degrades, and tokens and requests are refused."""

    limits: tuple[Limit, ...] = ()
    at_limit: AtLimit | None = None

    def __str__(self) -> str:
        return ", ".join(map(str, self.limits)) + (f" ({self.at_limit})" if self.at_limit else "")

    def limit(self, measure: Measure, period: Period) -> float | None:
        """Return the least that is allowed of *measure* in *period*; None where there is no such limit."""
        return min((each.most for each in self.limits if each[:2] == (measure, period)), default=None)

    def joined(self, other: "Budget") -> "Budget":
        """Return one with the limits of both."""
        return Budget(self.limits + other.limits, self.at_limit or other.at_limit)

    def written(self) -> dict[str, str | list[str]]:
        """Return it as it is written in a file."""
        shown: dict[str, str | list[str]] = {}
        for period in Period:
            texts = [amount_text(each.measure, each.most) for each in self.limits if each.period is period]
            if texts:
                shown[str(period)] = texts[0] if len(texts) == 1 else texts
        return shown | ({"at_limit": str(self.at_limit)} if self.at_limit else {})


class Owner(StrEnum):
    """Whose use is added up."""

    KEY = "key"
    ROLE = "role"
    SESSION = "session"
    PROVIDER = "provider"
    HOST = "host"


class Account(NamedTuple):
    """One owner; the host has no name."""

    owner: Owner
    name: str = ""

    def __str__(self) -> str:
        return "this host" if self.owner is Owner.HOST else f"the {self.owner} '{self.name}'"


class CountedUse(NamedTuple):
    """What one owner has used up today and this month."""

    day: Amounts
    month: Amounts


class OthersUse(NamedTuple):
    """What one owner has used up through other hosts today and this month, and what requests in flight there may add."""

    day: Amounts = Amounts()
    month: Amounts = Amounts()
    reserved: Amounts = Amounts()


Accounts = tuple[tuple[Account, Budget], ...]
"""Who uses something up with one request, and what each of them may."""


def parse_amount(text: str, usual: Measure | None = None) -> tuple[Measure, float]:
    """Return what *text* says, such as ``2 USD``, ``500k tokens`` or ``60 requests``; a number alone is of the measure *usual*.

    Raises:
        ValueError: It says no amount, or none at all is allowed.
    """
    found = _AMOUNT.fullmatch(text.strip())
    unit = None if found is None else found[3] or ("USD" if text.strip().startswith("$") else usual)
    if found is None or unit is None:
        raise ValueError(f"'{text[:40]}' is no amount; write such as 2 USD, 500k tokens or 60 requests")
    measure = Measure.USD if unit == "USD" else Measure(str(unit).rstrip("s") + "s")
    most = float(found[1]) * _FACTORS[found[2]]
    if most <= 0:
        raise ValueError(f"a budget of {text.strip()} lets nothing through; write what may be used, or leave it out")
    return measure, most


def amount_text(measure: Measure, number: float) -> str:
    """Return *number* of *measure* as it is written and read."""
    if measure is Measure.USD:
        return f"{number:.{2 if number >= 1 else 6}f}".rstrip("0").rstrip(".") + " USD"
    return f"{number:.0f} {str(measure)[: -1 if number == 1 else None]}"


def budget_of(written: Mapping[str, object]) -> Budget:
    """Return the budget that is *written* as periods with amounts, each one or a list.

    Raises:
        ValueError: A word is not known, or an amount makes no sense.
    """
    if unknown := set(map(str, written)) - {*Period, "at_limit"}:
        raise ValueError(f"a budget has no '{min(unknown)}'; it has {', '.join(Period)} and at_limit")
    at_limit = written.get("at_limit")
    if at_limit is None:
        return Budget(tuple(_limits(written)))
    if str(at_limit) not in [*AtLimit]:
        raise ValueError(f"at_limit is none of {', '.join(AtLimit)}")
    return Budget(tuple(_limits(written)), AtLimit(str(at_limit)))


def _limits(written: Mapping[str, object]) -> Iterator[Limit]:
    for period in Period:
        given = written.get(period)
        for each in () if given is None else given if isinstance(given, list) else (given,):
            measure, most = parse_amount(str(each))
            yield Limit(measure, period, most)
