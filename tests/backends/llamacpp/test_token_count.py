"""llama-server is asked for the prompt as its template renders it, and for the tokens of that."""

from collections.abc import Mapping
from typing import Any

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.llamacpp.token_count import count_tokens

ENDPOINT = Endpoint("http://e", "m")
BODY = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], "tools": []}


class Server(HttpClient):
    """A server that gives *answers* by path, and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.answers = answers
        self.asked: dict[str, Any] = {}

    async def document(
        self, url: str, headers: Mapping[str, str], document: object = None, *, seconds: float = 1.0
    ) -> Any:
        """Return the answer for a path."""
        del headers, seconds
        path = url.removeprefix("http://e")
        self.asked[path] = document
        return self.answers.get(path)


async def test_counts() -> None:
    """What does not reach the prompt is not sent."""
    server = Server({"/apply-template": {"prompt": "<user>Hi"}, "/tokenize": {"tokens": [1, 2, 3]}})
    assert 3 == await count_tokens(server, ENDPOINT, BODY)
    assert {"messages", "tools"} == set(server.asked["/apply-template"])
    assert "<user>Hi" == server.asked["/tokenize"]["content"]


async def test_pictures_are_estimated() -> None:
    """The template leaves a mark for each."""
    server = Server({"/apply-template": {"prompt": "<media>"}, "/tokenize": {"tokens": [1]}})
    part = {"type": "image_url", "image_url": {"url": "data:"}}
    body = {"messages": [{"role": "user", "content": [part, part, {"type": "text", "text": '"image_url": {'}]}]}
    assert 2049 == await count_tokens(server, ENDPOINT, body)


@pytest.mark.parametrize("answers", [{}, {"/apply-template": {"error": {}}}, {"/apply-template": {"prompt": "x"}}])
async def test_no_such_route(answers: Mapping[str, Any]) -> None:
    """Nothing is counted."""
    assert await count_tokens(Server(answers), ENDPOINT, BODY) is None
