"""The errors that requests are answered with which would exceed a budget: whose, how much is used up, and when there is room."""

from dataclasses import dataclass

from hostd.domain.budget import Account, Limit, Measure, Owner, Period, amount_text
from hostd.domain.errors import CapacityError
from hostd.domain.reason import FallbackReason
from hostd.domain.units import format_duration

_RATE_LIMITED = "rate_limit_exceeded"
"""The word of OpenAI's servers for a limit that is soon over."""
_SOON = 60.0
"""Seconds up to which a client that asks again by itself is told to."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """*need* more is beyond *limit* of *account*, with what is *used* up and *reserved* for requests in flight.

    There is room after *frees_in* seconds.
    """

    account: Account
    limit: Limit
    used: float
    reserved: float
    need: float
    frees_in: float


def not_counted(account: Account) -> CapacityError:
    """Return the error before it is known what *account* has used up."""
    return CapacityError(
        f"it is not known yet what {account} has used up; hostd has just started, and reads it from its records",
        code=FallbackReason.BUDGET,
        retry_after=1.0,
    )


def exceeded(model: str, shortage: Shortage) -> CapacityError:
    """Return the error for a request that *shortage* keeps from *model*."""
    limit = shortage.limit
    alone = shortage.need > limit.most
    in_vain = alone or shortage.frees_in > _SOON
    error = CapacityError(
        f"'{model}' is not asked: {_why(shortage, alone=alone)}",
        code=_RATE_LIMITED if limit.period is Period.MINUTE and not alone else FallbackReason.BUDGET,
        status=429,
        retry_after=shortage.frees_in,
    )
    error.retry_in_vain = in_vain
    return error


def _why(shortage: Shortage, *, alone: bool) -> str:
    account, limit = shortage.account, shortage.limit
    said = f"{account} may use {limit}"
    if alone:
        ask = "ask for fewer tokens (max_tokens)" if limit.measure is not Measure.REQUESTS else "it is set too low"
        return f"{said}, and this request alone may use {_text(shortage, shortage.need)}; {ask}, or {_raise(account)}"
    said += f" and has used {_text(shortage, shortage.used)}"
    if shortage.reserved:
        said += f", requests under way may use {_text(shortage, shortage.reserved)}"
    if limit.measure is not Measure.REQUESTS:
        said += f", this one {_text(shortage, shortage.need)}"
    return f"{said}; there is room in {format_duration(max(1.0, round(shortage.frees_in)))}, or {_raise(account)}"


def _text(shortage: Shortage, number: float) -> str:
    return amount_text(shortage.limit.measure, number)


def _raise(account: Account) -> str:
    """Return where the owner of this host raises a limit of *account*."""
    match account.owner:
        case Owner.KEY:
            return f"the owner of this host gives the key more: hostd keys limit {account.name}"
        case Owner.ROLE:
            return f"raise roles.{account.name}.budget in hostd.yaml"
        case Owner.PROVIDER:
            return f"raise providers.{account.name}.daily_usd or its budget in hostd.yaml"
        case Owner.SESSION | Owner.HOST:
            return f"raise budgets.{account.owner} in hostd.yaml"
