"""What a key may use up: the options that say it, and how much of it is used."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer

from hostd.cli.address import find_address
from hostd.cli.client import Client
from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.domain.budget import AtLimit, Budget, Limit, Measure, Period, amount_text, parse_amount

_PATIENCE = 2.0
"""Seconds that a daemon is given to tell what is used up; the keys are listed without it."""

Rpm = Annotated[int | None, typer.Option(metavar="N", min=1, help="Requests in any 60 seconds.")]
Tpm = Annotated[str | None, typer.Option(metavar="N", help="Tokens in any 60 seconds, such as 100k.")]
TokensDay = Annotated[str | None, typer.Option(metavar="N", help="Tokens a day, such as 2M.")]
TokensMonth = Annotated[str | None, typer.Option(metavar="N", help="Tokens a month.")]
BudgetDay = Annotated[str | None, typer.Option(metavar="USD", help="What it may cost a day, such as 2.50.")]
BudgetMonth = Annotated[str | None, typer.Option(metavar="USD", help="What it may cost a month.")]
WhenReached = Annotated[
    AtLimit | None,
    typer.Option(
        help="At a limit, degrade: a cheaper or local model answers; queue: wait where that helps soon; refuse: 429. "
        "Left out, money degrades and the rest is refused."
    ),
]


class KeyLimits(NamedTuple):
    """The options as they were given."""

    rpm: int | None = None
    tpm: str | None = None
    tokens_day: str | None = None
    tokens_month: str | None = None
    budget_day: str | None = None
    budget_month: str | None = None
    at_limit: AtLimit | None = None


_MEANS = (
    ("rpm", Measure.REQUESTS, Period.MINUTE),
    ("tpm", Measure.TOKENS, Period.MINUTE),
    ("tokens_day", Measure.TOKENS, Period.DAY),
    ("tokens_month", Measure.TOKENS, Period.MONTH),
    ("budget_day", Measure.USD, Period.DAY),
    ("budget_month", Measure.USD, Period.MONTH),
)


def budget_from(given: KeyLimits) -> Budget | None:
    """Return the budget that the options say; None where they set no limit.

    Raises:
        VerbError: One of them is no amount, or `--at-limit` stands alone.
    """
    limits = []
    for word, measure, period in _MEANS:
        if (text := getattr(given, word)) is not None:
            limits.append(Limit(measure, period, _amount(word, str(text), measure)))
    if not limits and given.at_limit is not None:
        raise VerbError("--at-limit: there is no limit; set one, such as --budget-day 2", Code.USAGE)
    return Budget(tuple(limits), given.at_limit) if limits else None


def _amount(word: str, text: str, measure: Measure) -> float:
    option = f"--{word.replace('_', '-')}"
    try:
        said, most = parse_amount(text, measure)
    except ValueError as error:
        raise VerbError(f"{option}: {error}", Code.USAGE) from None
    if said is not measure:
        raise VerbError(f"{option}: {text} is no amount of {measure}", Code.USAGE)
    return most


def use_of_keys(url: str | None) -> Mapping[str, Mapping[str, Any]]:
    """Return what each limited key has used up, as the daemon tells it; nothing where none answers."""
    client = Client(find_address(url))
    try:
        with client.request("GET", "/hostd/v1/budgets", timeout=_PATIENCE) as reply:
            accounts = reply.json()["accounts"]
    except VerbError as error:
        say(f"what keys have used up is not known now: {error}")
        return {}
    return {each["name"]: each for each in accounts if each["owner"] == "key"}


def lines_of_use(budget: Budget, used: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield one line for each limit of *budget*, with what is *used* of it, where that is known."""
    for limit in budget.limits:
        line = f"{limit}"
        if used is not None:
            number = used[limit.period][str(limit.measure).lower()] if limit.period is not Period.REQUEST else 0
            reserved = used["reserved"][str(limit.measure).lower()]
            line += f": {amount_text(limit.measure, number)} used"
            line += f", {amount_text(limit.measure, reserved)} reserved" if reserved else ""
        yield line
    if budget.at_limit is not None:
        yield f"at a limit: {budget.at_limit}"
