"""Engines that give one answer say so to whoever wants several."""

from typing import Any

import pytest

from hostd.backends.contract import Backend, Endpoint
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.mlx.engine import Mlx
from hostd.backends.ollama.engine import Ollama
from hostd.backends.one_choice import refuse_several
from hostd.domain.errors import RequestError

HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("members", [{}, {"n": 1}, {"n": None}, {"n": True}])
def test_one_is_given(members: dict[str, Any]) -> None:
    """However it is asked for."""
    refuse_several(HELLO | members)


@pytest.mark.parametrize(
    ("backend", "strict"),
    [(Mlx(), False), (Ollama(), True), (LlamaCpp(), True)],
    ids=["mlx", "ollama", "llama_cpp.server"],
)
def test_several_are_refused(backend: Backend, strict: bool) -> None:
    """As what another target may do."""
    endpoint = Endpoint(url="http://127.0.0.1:1", model="m", strict_model=strict)
    with pytest.raises(RequestError, match="one answer") as caught:
        backend.adapt(endpoint, HELLO | {"n": 2})
    assert ("unfit", "n") == (caught.value.code, caught.value.param)


def test_llama_server_gives_several() -> None:
    """It is asked for them."""
    assert LlamaCpp().adapt(Endpoint(url="http://127.0.0.1:1", model="m"), HELLO | {"n": 2}) is None
