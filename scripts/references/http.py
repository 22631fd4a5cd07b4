"""The HTTP reference: every route with what its handler's docstring says."""

import inspect
import re
from collections.abc import Callable

from hostd.dialects import registry
from hostd.gateway.admin import AdminHandlers
from hostd.gateway.budgets import BudgetHandlers
from hostd.gateway.costs import CostHandlers
from hostd.gateway.dashboard.handlers import DashboardHandlers
from hostd.gateway.events.handlers import EventHandlers
from hostd.gateway.health import HealthHandlers
from hostd.gateway.inference import InferenceHandlers
from hostd.gateway.ollama import OllamaHandlers
from hostd.gateway.openapi import OpenApiHandlers
from hostd.gateway.plans import PlanHandlers
from hostd.gateway.reloading import ReloadHandlers
from hostd.gateway.responses.handlers import ResponseHandlers
from hostd.gateway.token_counts import TokenCountHandlers

_CALL = re.compile(r"(?:GET|POST) /\S*?(?:\?(?P<query>\S+))?: ")


def routes() -> list[tuple[str, str, Callable[..., object]]]:
    """Return the method, path and handler of every route."""
    families = (
        *(InferenceHandlers, ResponseHandlers, TokenCountHandlers, OllamaHandlers),
        *(
            AdminHandlers,
            EventHandlers,
            PlanHandlers,
            BudgetHandlers,
            CostHandlers,
            ReloadHandlers,
            OpenApiHandlers,
            HealthHandlers,
        ),
    )
    # What the handlers are given matters only when they run.
    return [*(route for family in families for route in family(None).routes()), *DashboardHandlers().routes()]


def markdown() -> str:
    """Return one table of the routes: method, path, meaning."""
    rows = [f"| {method} | `{path}` | {_meaning(path, handler)} |" for method, path, handler in routes()]
    return "\n".join(("| method | path | meaning |", "|---|---|---|", *rows))


def _meaning(path: str, handler: Callable[..., object]) -> str:
    if path in registry.PATHS:
        return f"An answer of the model that `model` names, in the dialect `{registry.PATHS[path]}`."
    said = (inspect.getdoc(handler) or "").partition("\n\n")[0].replace("\n", " ")
    call = _CALL.match(said)
    meaning = said[call.end() if call else 0 :].replace("``", "`")
    query = f" Query: `{call['query']}`." if call and call["query"] else ""
    return (meaning[:1].upper() + meaning[1:] + query).replace("|", "\\|")
