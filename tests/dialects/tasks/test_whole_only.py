"""What is alike for requests whose answers are no text."""

import json

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.tasks.rerank import Rerank
from hostd.dialects.tasks.whole_only import document_in
from hostd.domain.errors import RequestError


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_the_route_is_unfit(status: int) -> None:
    """Another target may have it, and it is no outage; the server's words are kept."""
    error = Rerank(Dialect.RERANK).failure(status, b'{"error": {"message": "File Not Found"}}')
    assert isinstance(error, RequestError)
    assert ("unfit", 400) == (error.code, error.status)
    assert error.message.endswith("File Not Found")


def test_other_refusals_are_the_servers_own() -> None:
    """They have its status."""
    error = Rerank(Dialect.RERANK).failure(422, b'{"error": {"message": "no"}}')
    assert ("no", 422) == (error.message, error.status)


def test_an_error_with_status_200_is_none_the_less_one() -> None:
    """Some servers answer so."""
    said = document_in(json.dumps({"error": {"message": "no", "code": 400}}).encode())
    assert "no" in getattr(said, "failure", "")
    assert "no JSON" in getattr(document_in(b"<html>"), "failure", "")
