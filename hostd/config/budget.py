"""Budgets in the files of the owner."""

from typing import Annotated

from pydantic import BeforeValidator

from hostd.config import field_types
from hostd.config.section import Section, items, key

_Amounts = Annotated[
    list[field_types.BudgetAmount],
    BeforeValidator(
        lambda value: value if isinstance(value, list) else [value],
        field_types.BudgetAmount | list[field_types.BudgetAmount],
    ),
]


class BudgetSection(Section):
    """What may be used up: one amount for a period, or a list, such as `day: [2 USD, 500k tokens]`.

    Money and tokens are counted with what requests in flight may add; what was used up is kept over restarts.
    """

    request: _Amounts = items("Of one request.")
    minute: _Amounts = items("Of any 60 seconds.")
    day: _Amounts = items("Of a day, from midnight to midnight, local time.")
    month: _Amounts = items("Of a month of the local calendar.")
    at_limit: field_types.AtLimit | None = key(
        "`degrade`: a cheaper target of the route answers, or one that costs nothing; `queue`: the request waits for room, where "
        "that comes within its queue_timeout; `refuse`: 429. Without it, money degrades, and tokens and requests are refused."
    )
