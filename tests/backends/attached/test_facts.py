"""What servers of several makes tell."""

from typing import Any

import pytest
from aiohttp import web

from hostd.backends.attached.facts import facts, names
from hostd.backends.contract import Endpoint, ServerFacts
from tests.http_client import client


async def told(**pages: Any) -> ServerFacts:
    """Return what is made of a server that has *pages* only, their slashes written as double underscores."""
    answers = {"/" + name.replace("__", "/"): page for name, page in pages.items()}

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path not in answers:
            return web.Response(status=404, text="no such page")
        return web.json_response(answers[request.path])

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with client() as http:
            return await facts(http, Endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}", "m"))
    finally:
        await runner.cleanup()


def listing(**entry: object) -> dict[str, Any]:
    """Return a list of two models, one with more to tell."""
    return {"data": [{"id": "other", "max_model_len": 1}, {"id": "m", **entry}]}


BOTH = ("other", "m")


@pytest.mark.parametrize(
    ("pages", "known"),
    [
        ({"v1__models": listing()}, ServerFacts(models=BOTH)),
        (
            {"v1__models": listing(max_model_len=4096), "version": {"version": "0.33.0"}},
            ServerFacts(version="0.33.0", context=4096, models=BOTH),
        ),
        (
            {
                "v1__models": listing(),
                "api__v0__models": listing(type="vlm", max_context_length=8192, capabilities=["tool_use"]),
            },
            ServerFacts(context=8192, tools=True, vision=True, models=BOTH),
        ),
        (
            {
                "v1__models": listing(),
                "api__v0__models": listing(type="embeddings", loaded_context_length=512, max_context_length=8192),
            },
            ServerFacts(context=512, embeddings=True, models=BOTH),
        ),
        (
            {
                "v1__models": listing(meta={"n_ctx_train": 99}),
                "props": {
                    "default_generation_settings": {"n_ctx": 2048},
                    "total_slots": 4,
                    "build_info": "b11434",
                    "modalities": {"vision": False, "audio": False},
                },
            },
            ServerFacts(version="b11434", context=2048, slots=4, vision=False, models=BOTH),
        ),
        ({"props": {"total_slots": 1, "build_info": "b0-unknown"}}, ServerFacts(slots=1)),
        (
            {
                "v1__models": listing(),
                "v1__model": {"id": "m", "parameters": {"max_seq_len": 4096, "max_batch_size": 8}},
            },
            ServerFacts(context=4096, slots=8, models=BOTH),
        ),
        (
            {"get_server_info": {"version": "0.5.9", "context_len": 32768, "max_running_requests": 48}},
            ServerFacts(version="0.5.9", context=32768, slots=48),
        ),
        (
            {"v1__models": listing(context_length=16384), "hostd__v1__status": {"version": "0.4"}},
            ServerFacts(version="0.4", context=16384, models=BOTH),
        ),
        ({"v1__models": [1], "props": "nonsense", "version": {"version": 3}}, ServerFacts()),
    ],
)
async def test_each_make_in_its_own_words(pages: dict[str, Any], known: ServerFacts) -> None:
    """Generic, vLLM, LM Studio (twice), llama.cpp, TabbyAPI, SGLang, another hostd, and nonsense."""
    assert known == await told(**pages)


async def test_a_server_that_does_not_answer_tells_nothing() -> None:
    """That is no error: its health says the rest."""
    async with client() as http:
        assert ServerFacts() == await facts(http, Endpoint("http://127.0.0.1:1", "m"))


def test_entries_without_a_name_are_no_models() -> None:
    """Whatever else a list holds."""
    assert ("a",) == names({"data": [{"id": "a"}, {}, "b", {"id": ""}]})
