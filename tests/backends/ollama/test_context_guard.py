"""Nothing is cut silently."""

import json
from typing import Any

import pytest
from aiohttp import web

from hostd.backends.ollama import context_guard
from hostd.domain.errors import RequestError
from tests.http_client import client

WORDS = "one two three"
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA BBBB"}}
REFUSAL = {"error": json.dumps({"error": {"type": "exceed_context_size_error", "message": "too long"}})}


def chat(*contents: object, **more: object) -> dict[str, Any]:
    """Return a chat with these messages."""
    return {"model": "q", "messages": [{"role": "user", "content": content} for content in contents], **more}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (chat(WORDS, "four"), 6),
        (chat([{"type": "text", "text": WORDS}, PICTURE]), 6),
        ({"prompt": WORDS}, 3),
        ({"prompt": "x" * 5000}, 1),
        ({"input": [WORDS, "one two three four"]}, 4),
        ({"input": [1, 2, 3]}, 0),
        ({}, 0),
    ],
)
def test_what_has_more_words_than_the_context_has_tokens_is_refused(body: dict[str, Any], words: int) -> None:
    """A token never spans two words. Roles count as one; texts to embed are read one by one."""
    context_guard.refuse_certain(body, words)
    if words:
        with pytest.raises(
            RequestError, match=f"at least {words} tokens and the model's context is {words - 1}"
        ) as error:
            context_guard.refuse_certain(body, words - 1)
        assert ("context_length_exceeded", 400) == (error.value.code, error.value.status)


def test_an_answer_has_the_tokens_that_the_words_leave() -> None:
    """At least one token: where there is none, the request is refused anyway."""
    assert (97, 1) == (
        context_guard.room_for_answer({"prompt": WORDS}, 100),
        context_guard.room_for_answer({"prompt": WORDS}, 2),
    )


class Asked:
    """A server that keeps what it was asked and refuses with *status* and *body*."""

    def __init__(self, status: int, body: object) -> None:
        self.status, self.body = status, body
        self.heard: list[tuple[str, Any]] = []

    async def ensure(self, body: dict[str, Any], context: int) -> None:
        """Ask whether *body* fits."""

        async def answer(request: web.BaseRequest) -> web.Response:
            self.heard.append((request.path, await request.json()))
            return web.json_response(self.body, status=self.status)

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            port = runner.addresses[0][1]
            async with client() as http:
                await context_guard.ensure_fits(http, f"http://127.0.0.1:{port}", {}, body, context)
        finally:
            await runner.cleanup()


LONG = "word" * 500
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


@pytest.mark.parametrize(
    ("body", "path", "question"),
    [
        (
            chat(LONG, tools=[{"type": "function"}], temperature=1),
            "/api/chat",
            {"messages": [{"role": "user", "content": LONG}], "tools": [{"type": "function"}]},
        ),
        (
            {
                "model": "q",
                "messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}],
                "x": LONG,
                "prompt": LONG,
            },
            "/api/chat",
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "look", "arguments": {"at": 1}}}],
                    }
                ]
            },
        ),
        (
            chat([{"type": "text", "text": LONG}]),
            "/api/chat",
            {"messages": [{"role": "user", "content": f"text\n{LONG}"}]},
        ),
        ({"model": "q", "prompt": LONG}, "/api/generate", {"prompt": LONG}),
    ],
)
async def test_what_may_not_fit_is_asked_about(body: dict[str, Any], path: str, question: dict[str, Any]) -> None:
    """With the same prompt, for one token, and never to be cut."""
    server = Asked(400, REFUSAL)
    with pytest.raises(RequestError, match="has more tokens than that and the model's context is 1000") as caught:
        await server.ensure(body, 1000)
    assert "context_length_exceeded" == caught.value.code
    told = {"model": "q", "truncate": False, "stream": False, "options": {"num_predict": 1}}
    assert [(path, told | question)] == server.heard


async def test_embeddings_are_asked_for_twice() -> None:
    """There is no smaller request about a text to embed."""
    server = Asked(400, {"error": "the input length exceeds the context length"})
    with pytest.raises(RequestError, match="shorten it, or use a model with a longer context"):
        await server.ensure({"model": "q", "input": [LONG]}, 1000)
    assert [("/api/embed", {"model": "q", "truncate": False, "input": [LONG]})] == server.heard


@pytest.mark.parametrize(
    ("body", "context"),
    [(chat("short"), 1000), (chat(LONG), 4000), (chat([{"type": "text", "text": LONG}, PICTURE]), 1000)],
)
async def test_what_certainly_fits_or_cannot_be_asked_about_is_not(body: dict[str, Any], context: int) -> None:
    """Most requests cost nothing; of pictures the route could not be asked in the same words."""
    server = Asked(400, REFUSAL)
    await server.ensure(body, context)
    assert [] == server.heard


@pytest.mark.parametrize(("status", "body"), [(200, {}), (400, {"error": "something else"}), (500, REFUSAL)])
async def test_other_answers_do_not_keep_a_request_back(status: int, body: object) -> None:
    """What else is wrong with it, the request proper finds out."""
    await Asked(status, body).ensure(chat(LONG), 1000)
