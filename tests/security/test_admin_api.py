"""The owner's routes under requests that a program makes up from their OpenAPI document: right ones, and wrong ones."""

from typing import Any
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from hostd.gateway.admin import AdminHandlers
from hostd.gateway.budgets import BudgetHandlers
from hostd.gateway.costs import CostHandlers
from hostd.gateway.health import HealthHandlers
from hostd.gateway.openapi import OpenApiHandlers, document
from hostd.gateway.reloading import ReloadHandlers
from tests.security.conftest import Target

PATIENCE = 30.0
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance, negative_data_rejection]
NAMES = ("seen", "hostile", "nobody", "../x")
FAMILIES = (AdminHandlers, BudgetHandlers, CostHandlers, ReloadHandlers, HealthHandlers)
described = [route for family in FAMILIES for route in family(None).routes()]  # type: ignore[arg-type]
schema = schemathesis.openapi.from_dict(document([*described, *OpenApiHandlers([]).routes()]))


@pytest.mark.slow
@schema.exclude(path="/hostd/v1/models/{name}/logs").parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_is_a_mistake_of_ours(target: Target, case: schemathesis.Case[Any]) -> None:
    """R15, R16, CVE-2026-42271 (LiteLLM: what steers a server is what is attacked).

    No 500 and no hang; answers and errors have the forms that the document says, and what it does not allow is refused.
    """
    # Names that a program makes up are of no model, so that most of the requests would end there.
    dice = crc32(repr((case.query, case.headers)).encode())
    if "name" in (case.path_parameters or {}) and dice % 2:
        case.path_parameters["name"] = NAMES[dice // 2 % len(NAMES)]
    try:
        answer = case.call(base_url=target.host.url, timeout=PATIENCE)
    except requests.exceptions.InvalidHeader:
        return  # What no client would send is not sent; `scripts/fuzz` sends such bytes.
    assert 500 != answer.status_code, answer.text
    case.validate_response(answer, checks=CHECKS)
