"""The route that shows what owners of budgets may use up, and what they have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hostd.domain.budget import Account, Amounts, Budget, Owner
from hostd.gateway.context import AppContext, RequestContext, Route
from hostd.gateway.http.key_ring import KeyRing
from hostd.scheduling.view import AccountView


@dataclass(frozen=True, slots=True)
class BudgetServices:
    """What budgets are read from. *keys* returns the keys that are in force: a reload may name another file of them."""

    app: AppContext
    keys: Callable[[], KeyRing | None]


class BudgetHandlers:
    """Shows each owner's account."""

    def __init__(self, services: BudgetServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the route."""
        return [("GET", "/hostd/v1/budgets", self.show)]

    async def show(self, _ctx: RequestContext) -> web.Response:
        """Show what keys, roles, sessions, providers and the host have used up, what is reserved, and their budgets."""
        return web.json_response({"accounts": [self._row(each) for each in self._services.app.dispatcher.accounts()]})

    def _row(self, shown: AccountView) -> dict[str, Any]:
        budget = self._budget(shown.account)
        return {
            "owner": str(shown.account.owner),
            "name": shown.account.name,
            "budget": None if budget is None else budget.written(),
            **{name: _amounts(getattr(shown, name)) for name in ("minute", "day", "month", "reserved")},
        }

    def _budget(self, account: Account) -> Budget | None:
        budgets = self._services.app.catalog.budgets
        match account.owner:
            case Owner.KEY:
                keys = self._services.keys()
                return None if keys is None else keys.budget(account.name)
            case Owner.ROLE:
                role = self._services.app.catalog.roles.get(account.name)
                return None if role is None else role.budget
            case Owner.SESSION:
                return budgets.session
            case Owner.PROVIDER:
                return budgets.providers.get(account.name)
            case Owner.HOST:
                return budgets.host


def _amounts(amounts: Amounts) -> dict[str, float]:
    return {"requests": int(amounts.requests), "tokens": int(amounts.tokens), "usd": round(amounts.usd, 6)}
