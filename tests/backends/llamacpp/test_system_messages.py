"""Whether a template takes system messages anywhere, as llama-server shows it."""

from collections.abc import Mapping
from typing import Any

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.system_messages import anywhere


class Server(HttpClient):
    """A server that answers *said* to whatever it renders."""

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.said = said

    async def document(
        self, url: str, headers: Mapping[str, str], document: Any = None, *, seconds: float = 1.0
    ) -> Any:
        """Return the prompt."""
        del headers, seconds
        assert "http://e/apply-template" == url
        prompt = "".join(str(message["content"]) for message in document["messages"])
        return {"prompt": prompt} if self.said == "all" else self.said


@pytest.mark.parametrize(
    ("said", "taken"), [("all", True), ({"prompt": "123"}, False), (None, False), ({"error": {}}, False), ([], False)]
)
async def test_a_template_is_tried(said: Any, taken: bool) -> None:
    """One that refuses the conversation, or leaves the message out, takes none but at the front."""
    assert taken is await anywhere(Server(said), Endpoint("http://e", "m"))
