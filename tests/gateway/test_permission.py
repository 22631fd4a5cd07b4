"""A key that names models sees no others."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from hostd.domain.catalog import Catalog
from hostd.domain.errors import RequestError
from hostd.domain.principal import Principal
from hostd.gateway.permission import allowed_profile
from hostd.routing.router import Router
from tests.stage import make_profile, make_settings


def test_another_model_is_refused() -> None:
    """403, also under another spelling."""
    router = Router(Catalog(make_settings(make_profile("a", "x"), make_profile("b", "x"))))
    ctx = cast("Any", SimpleNamespace(principal=Principal("k", allowed=frozenset({"a"}))))
    assert "a" == allowed_profile(router, ctx, "A")
    with pytest.raises(RequestError) as refused:
        allowed_profile(router, ctx, "B")
    assert (403, "model_not_allowed") == (refused.value.status, refused.value.code)
