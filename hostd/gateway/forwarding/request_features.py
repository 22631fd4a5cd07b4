"""What a role that routes by content asks of a request."""

from collections.abc import Mapping
from datetime import datetime

from hostd.dialects.base import InferenceRequest
from hostd.dialects.conversation import conversation_of
from hostd.dialects.last_words import last_words
from hostd.dialects.session import session_name
from hostd.dialects.tool_steps import tool_steps
from hostd.domain.budget import Accounts
from hostd.domain.principal import Principal
from hostd.domain.profile import Role
from hostd.domain.ticket import Route
from hostd.domain.token_estimate import estimated_tokens
from hostd.gateway.context import InferenceServices
from hostd.gateway.example_vectors import likeness
from hostd.gateway.forwarding.request_use import accounts_of, answer_limit
from hostd.routing.features import USUAL_ANSWER, Features
from hostd.routing.policy import RouteQuery
from hostd.routing.stage import WINDOW, looks_at_steps


def features_of(
    inference: InferenceRequest, headers: Mapping[str, str], principal: Principal, role: Role, *, private: bool
) -> Features:
    """Return the features of *inference* for *role*, as it has come from *principal* with *headers*; *private* ones stay here.

    Conversations are told by how they begin as well as by name, since agents' programs ask side questions under the name of a
    session. Where nothing is to be remembered of one, as no tool can answer in it, it is not told at all.

    Raises:
        RequestError: A message cannot be read.
    """
    document, needs = inference.document, inference.requirements
    metadata = document.get("metadata")
    said, tool_answered = last_words(document)
    session = None
    if role.suffices or needs.tools or tool_answered:
        name = session_name(headers, document)
        session = conversation_of(principal, name, document).key or name
    return Features(
        said,
        estimated_tokens(document.size),
        datetime.now().astimezone(),
        tools=needs.tools,
        pictures=needs.vision,
        private=private,
        awaits_model=tool_answered,
        client=principal.client,
        session=session,
        steps=tool_steps(document, WINDOW) if tool_answered and looks_at_steps(role) else (),
        answer=min(USUAL_ANSWER, answer_limit(document) or USUAL_ANSWER),
        likeness=likeness(said, role),
        metadata={name: str(value) for name, value in metadata.items()} if isinstance(metadata, dict) else {},
    )


def by_content(
    query: RouteQuery, inference: InferenceRequest, headers: Mapping[str, str], role: Role, services: InferenceServices
) -> RouteQuery:
    """Return *query* with all that routing for *role* asks of *inference*, of the models that may answer it, and of budgets.

    Raises:
        RequestError: A message cannot be read.
    """
    features = features_of(inference, headers, query.principal, role, private=query.private)
    by_budget = any(rule.when.budget_used is not None for rule in role.route)
    if not by_budget and not role.suffices:
        return query._replace(features=features)
    accounts: Accounts = ()
    if by_budget:
        budgeted = Route(role.name, (), role=role.name, budget=role.budget)
        session = session_name(headers, inference.document)
        accounts = accounts_of(query.principal, budgeted, session, services.catalog.budgets)
    offers = services.dispatcher.offers(role.use if role.suffices else (), accounts)
    return query._replace(features=features._replace(budget_used=offers.budget_used), offers=offers.models)
