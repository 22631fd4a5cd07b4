"""What a server says of itself, and what is made of one that says less."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from hostd.backends.contract import Endpoint, ServerFacts
from hostd.backends.llamacpp.facts import describe
from hostd.supervisor.launch import free_port
from tests.http_client import client

PROPS = {
    "default_generation_settings": {"n_ctx": 4096},
    "total_slots": 2,
    "build_info": "b11434-0c1e570",
    "modalities": {"vision": True, "audio": False},
    "chat_template_caps": {"supports_tools": True},
}
MODELS = {"data": [{"id": "m"}]}

Serve = Callable[[Mapping[str, Any]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve answers by path, and return the address."""
    runners: list[web.AppRunner] = []

    async def start(answers: Mapping[str, Any]) -> str:
        async def answer(request: web.Request) -> web.Response:
            if request.path not in answers:
                raise web.HTTPNotFound
            return web.json_response(answers[request.path])

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner, port = web.AppRunner(app), free_port()
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{port}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def said(url: str) -> ServerFacts:
    """Return what the server there says."""
    async with client() as http:
        return await describe(http, Endpoint(url, "m"))


async def test_all_that_is_reported_is_taken(serve: Serve) -> None:
    """Context and slots, what its template can, and what it sees."""
    expected = ServerFacts("b11434-0c1e570", context=4096, slots=2, tools=True, vision=True, models=("m",))
    assert expected == await said(await serve({"/props": PROPS, "/v1/models": MODELS}))


async def test_a_build_without_its_number_has_no_version(serve: Serve) -> None:
    """Packagers leave it out."""
    assert (await said(await serve({"/props": PROPS | {"build_info": "b0-unknown"}}))).version is None


@pytest.mark.parametrize("props", [[], {"default_generation_settings": None, "total_slots": "2", "modalities": ["a"]}])
async def test_answers_of_another_shape_are_ignored(serve: Serve, props: Any) -> None:
    """An older or a newer build may answer otherwise."""
    assert ServerFacts() == await said(await serve({"/props": props, "/v1/models": {"data": None}}))


async def test_a_server_with_models_only_names_them(serve: Serve) -> None:
    """llama_cpp.server has no /props; a server that ended reports nothing at all."""
    assert ServerFacts(models=("m",)) == await said(await serve({"/v1/models": MODELS}))
    assert ServerFacts() == await said(f"http://127.0.0.1:{free_port()}")
