"""What a request uses up of budgets: whose they are, and how many tokens it may take at most."""

from collections.abc import Iterator

from hostd.dialects.base import InferenceRequest
from hostd.dialects.request_document import RequestDocument
from hostd.domain.budget import Account, Accounts, Budget, Owner
from hostd.domain.principal import Principal, PrincipalKind
from hostd.domain.profile import HostBudgets
from hostd.domain.ticket import Route, Task
from hostd.domain.token_estimate import most_tokens

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def accounts_of(sender: Principal, route: Route, session: str | None, budgets: HostBudgets) -> Accounts:
    """Return the owners of budgets that a request of *sender* concerns, its target's provider apart."""
    if sender.budget is route.budget is budgets.host is budgets.session is None:
        return ()
    return tuple(_accounts(sender, route, session, budgets))


def _accounts(
    sender: Principal, route: Route, session: str | None, budgets: HostBudgets
) -> Iterator[tuple[Account, Budget]]:
    if sender.budget is not None and sender.kind is PrincipalKind.KEY and sender.client is not None:
        yield Account(Owner.KEY, sender.client), sender.budget
    if route.budget is not None and route.role is not None:
        yield Account(Owner.ROLE, route.role), route.budget
    if budgets.session is not None and session is not None:
        yield Account(Owner.SESSION, session), budgets.session
    if budgets.host is not None:
        yield Account(Owner.HOST), budgets.host


def bounds_of(inference: InferenceRequest) -> tuple[int, int]:
    """Return the tokens that the prompt and the answer of *inference* may take at most; 0 for an answer without a limit."""
    document, prompt = inference.document, most_tokens(inference.document.size)
    if inference.requirements.task is not Task.TEXT:
        # What is not written is not billed.
        return prompt, 1
    return prompt, answer_limit(document) * inference.choices


def answer_limit(document: RequestDocument) -> int:
    """Return how many tokens an answer to *document* may have; 0 where it sets no limit."""
    limits = [document.get(name) for name in _LIMITS]
    return next((each for each in limits if isinstance(each, int) and each > 0), 0)
