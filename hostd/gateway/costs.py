"""The routes that show what requests came to: how many stayed local, their tokens, and their money."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any

from aiohttp import web

from hostd.domain.costs import MOST_DAYS, CostGroup, Costs, CostSums, by_fallbacks, total
from hostd.domain.errors import RequestError
from hostd.domain.prices import AS_OF, LIST_PRICES, price_named
from hostd.domain.profile import Price, Profile
from hostd.gateway.context import AppContext, RequestContext, Route
from hostd.gateway.http.origin_check import shown
from hostd.gateway.machine_costs import assignment_rows, machine_row
from hostd.gateway.query_values import count
from hostd.gateway.views import rounded, timestamp

_DAYS, _WEEK = 30, 7


class CostHandlers:
    """Shows the sums over the recorded requests."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [("GET", "/hostd/v1/cost", self.show_cost), ("GET", "/hostd/v1/report", self.show_report)]

    async def show_cost(self, ctx: RequestContext) -> web.Response:
        """Show what requests came to in the last ``days`` days, ``by`` model, role, client or day; and at ``compare``'s price."""
        query = ctx.request.query
        by, span = _group(query.get("by", CostGroup.MODEL)), _days(count(query, "days", _DAYS))
        price, compared = self._comparison(query.get("compare"))
        since = _midnight(datetime.now().astimezone(), span)
        costs = await asyncio.to_thread(self._app.records.costs, by, since.timestamp())
        machine = await asyncio.to_thread(self._machine, price, since.timestamp())
        head = {"by": by, "days": span, "since": timestamp(since.astimezone(UTC)), "compare": compared}
        return web.json_response(head | _groups(costs, price) | {"machine": machine})

    async def show_report(self, ctx: RequestContext) -> web.Response:
        """Show the sums of the last ``days`` days, which roles fell back, and which models were loaded in vain."""
        query, records = ctx.request.query, self._app.records
        span = _days(count(query, "days", _WEEK))
        price, compared = self._comparison(query.get("compare"))
        now = datetime.now().astimezone()
        since = _midnight(now, span)
        start, asked = since.timestamp(), {each.model for each in self._app.dispatcher.requests()}
        roles, models, routed, unused, machine, assignments = await asyncio.to_thread(
            lambda: (
                records.costs(CostGroup.ROLE, start),
                records.costs(CostGroup.MODEL, start),
                records.routed(start),
                records.unused_models(start),
                self._machine(price, start),
                assignment_rows(self._app.machine, self._app.catalog.roles, start),
            )
        )
        return web.json_response(
            {
                "days": span,
                "since": timestamp(since.astimezone(UTC)),
                "until": timestamp(now.astimezone(UTC)),
                "compare": compared,
                "total": _row(total(models), price),
                "machine": machine,
                "roles": _groups(roles, price)["groups"],
                "models": _groups(models, price)["groups"],
                "fallbacks": [each._asdict() | {"share": round(each.share, 4)} for each in by_fallbacks(routed)],
                "assignments": assignments,
                "unused_models": [
                    each._asdict() | {"seconds": round(each.seconds, 1)} for each in unused if each.model not in asked
                ],
            }
        )

    def _machine(self, price: Price | None, since: float) -> dict[str, Any] | None:
        return machine_row(self._app.machine, self._app.catalog.settings.machine, price, since)

    def _comparison(self, given: str | None) -> tuple[Price | None, dict[str, Any] | None]:
        """Return the price of the model *given*, else of the owner's, and how it is shown; None where there is no name.

        Raises:
            RequestError: It has no price.
        """
        name = given or self._app.catalog.settings.machine.compare
        if name is None:
            return None, None
        profiles = self._app.catalog.profiles
        price = _price(name, profiles)
        return price, _compared(name, price, profiles)


def _group(given: str) -> CostGroup:
    """Return what requests are grouped by.

    Raises:
        RequestError: It is none of the groups.
    """
    try:
        return CostGroup(given)
    except ValueError:
        raise RequestError(
            f"by={shown(given)}: write one of {', '.join(CostGroup)}", code="bad_request", param="by"
        ) from None


def _days(given: int) -> int:
    """Return how many days to look back.

    Raises:
        RequestError: There is no such span.
    """
    if not 1 <= given <= MOST_DAYS:
        raise RequestError(f"days={given}: write 1 to {MOST_DAYS}, such as 30", code="bad_request", param="days")
    return given


def _midnight(now: datetime, span: int) -> datetime:
    """Return the local midnight with which the last *span* days begin, today included."""
    day = now.date() - timedelta(days=span - 1)
    return datetime.combine(day, time()).astimezone()


def _groups(costs: Costs, price: Price | None) -> dict[str, Any]:
    return {
        "groups": [{"name": name, **_row(sums, price)} for name, sums in costs.items()],
        "total": _row(total(costs), price),
    }


def _row(sums: CostSums, price: Price | None) -> dict[str, Any]:
    return {
        "requests": sums.requests,
        "answered": sums.answered,
        "answered_locally": sums.local,
        "local_share": rounded(sums.local_share, 4),
        "prompt_tokens": sums.prompt_tokens,
        "output_tokens": sums.output_tokens,
        "usd": round(sums.usd, 6),
        "compare_usd": None if price is None else rounded(sums.at(price), 6),
        "uncounted_requests": sums.uncounted,
        "unpriced_requests": sums.unpriced,
    }


def _compared(name: str, price: Price, profiles: Mapping[str, Profile]) -> dict[str, Any]:
    is_owners = name in profiles and profiles[name].price is not None
    return {
        "model": name,
        "input_usd_per_million": price.input,
        "output_usd_per_million": price.output,
        "as_of": None if is_owners else AS_OF,
    }


def _price(name: str, profiles: Mapping[str, Profile]) -> Price:
    """Return the price of the model that is compared with.

    Raises:
        RequestError: It has none.
    """
    if (price := price_named(name, profiles)) is not None:
        return price
    known = [model for models in LIST_PRICES.values() for model in models]
    near = get_close_matches(name.rpartition("/")[2], known, 3) or known[:3]
    raise RequestError(
        f"compare={shown(name)}: no price is known of this model; name a profile with a price, or a model of the list, such as "
        + ", ".join(near),
        code="model_not_found",
        status=404,
        param="compare",
    )
