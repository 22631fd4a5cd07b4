"""The OpenAPI document tells of every route of the owner's, and of all that their queries may say."""

import ast
import re
from pathlib import Path

import pytest

import hostd.gateway
from hostd.gateway.admin import AdminHandlers
from hostd.gateway.budgets import BudgetHandlers
from hostd.gateway.context import Route
from hostd.gateway.costs import CostHandlers
from hostd.gateway.events.handlers import EventHandlers
from hostd.gateway.health import HealthHandlers
from hostd.gateway.openapi import PATH, QUERIES, OpenApiHandlers, document
from hostd.gateway.plans import PlanHandlers
from hostd.gateway.reloading import ReloadHandlers
from tests.stage import Stage

FAMILIES = (AdminHandlers, EventHandlers, PlanHandlers, BudgetHandlers, CostHandlers, ReloadHandlers, HealthHandlers)
GATEWAY = Path(hostd.gateway.__file__).parent


def described() -> list[Route]:
    """Return the routes; what the handlers are given matters only when they run."""
    return [route for family in FAMILIES for route in family(None).routes()]  # type: ignore[arg-type]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_running_daemon_shows_it(stage: Stage) -> None:
    """With every path below /hostd, itself included."""
    shown = (await stage.get(PATH)).json
    assert shown == document([*described(), *OpenApiHandlers([]).routes()])
    assert {path for _, path, _ in described()} | {PATH} == set(shown["paths"])


def test_every_route_says_what_it_does() -> None:
    """In a sentence, under a name of its own."""
    operations = [each for path in document(described())["paths"].values() for each in path.values()]
    assert all(re.fullmatch(r"[A-Z].*\.", each["summary"]) for each in operations)
    assert len(operations) == len({each["operationId"] for each in operations})


def test_every_query_is_told() -> None:
    """What a handler reads of a query stands in the document, and nothing else does."""
    read: dict[str, set[str]] = {}
    for module in ("admin.py", "budgets.py", "costs.py", "reloading.py", "health.py", "events/handlers.py", "plans.py"):
        for handler in ast.walk(ast.parse((GATEWAY / module).read_text("utf-8"))):
            if isinstance(handler, ast.AsyncFunctionDef):
                read[handler.name] = set(re.findall(r"query(?:\.get\(|, |\[)'(\w+)'", ast.unparse(handler)))
    assert {path: read[handler.__name__] for _, path, handler in described() if read[handler.__name__]} == {
        path: set(keys) for path, keys in QUERIES.items()
    }
