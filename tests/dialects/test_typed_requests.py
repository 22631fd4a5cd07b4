"""Whatever the official clients' types allow is read, or refused as the client's mistake; so is whatever is not quite like it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.errors import HostdError, RequestError
from tests.dialects.typed_requests import TYPES, drawn

UPSTREAMS = ({Dialect.OPENAI_CHAT, Dialect.OPENAI_COMPLETIONS, Dialect.OPENAI_EMBEDDINGS}, {Dialect.ANTHROPIC_MESSAGES})


def read(path: str, asked: dict[str, Any]) -> list[HostdError]:
    """Read *asked* as the gateway does, and say it to every kind of upstream; return the refusals."""
    dialect = registry.PATHS[path]
    client = registry.client_dialect(dialect)
    body = json.dumps(asked).encode()
    try:
        request = client.parse(body)
    except RequestError as error:
        json.loads(client.error(error))
        return [error]
    refusals: list[HostdError] = []
    for spoken in UPSTREAMS:
        if (between := registry.translation(dialect, spoken)) is not None:
            try:
                json.loads(between.request(request).encode())
            except RequestError as error:
                refusals.append(error)
    return refusals


@pytest.mark.parametrize("path", TYPES)
@given(seed=st.integers(0, 2**32), mistakes=st.sampled_from([0, 4, 40]))
@settings(max_examples=150, deadline=None)
def test_no_request_breaks_the_reader(path: str, seed: int, mistakes: int) -> None:
    """Nothing but a refusal comes of it, with a status of the client's fault."""
    for refusal in read(path, drawn(path, seed, mistakes)):
        assert 400 <= refusal.status < 500, refusal
