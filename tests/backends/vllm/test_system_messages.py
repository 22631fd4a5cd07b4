"""Whether a template takes system messages anywhere, as vLLM shows it."""

from collections.abc import Mapping
from typing import Any

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.vllm.system_messages import anywhere


class Server(HttpClient):
    """A server that answers *said* to whatever it renders."""

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.said = said

    async def document(
        self, url: str, headers: Mapping[str, str], document: Any = None, *, seconds: float = 1.0
    ) -> Any:
        """Return tokens."""
        del headers, seconds
        assert ("http://e/tokenize", "m") == (url, document["model"])
        return self.said


@pytest.mark.parametrize(("said", "taken"), [({"tokens": [1]}, True), (None, False), ({"message": "no"}, False)])
async def test_a_template_is_tried(said: Any, taken: bool) -> None:
    """One that refuses the conversation takes none but at the front."""
    assert taken is await anywhere(Server(said), Endpoint("http://e", "m"))
