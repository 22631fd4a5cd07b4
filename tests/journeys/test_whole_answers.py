"""A whole answer that is made of a stream is the real engine's own, and is not generated further once its client has left."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from hostd.backends.llamacpp import streaming
from hostd.domain.profile import Settings
from tests.conformance.engine import Missing
from tests.conformance.engines import llama_server, llamacpp_wheel
from tests.stage import CHAT, Stage, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUILDS = (llamacpp_wheel.ENGINE, llama_server.ENGINE)
TEXT = "/v1/completions"
HELLO = [{"role": "user", "content": "Hello, who are you?"}]
ENDLESS = llamacpp_wheel.ENGINE.long
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]},
    },
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x"]}}, "required": ["a", "b"]}
UNLIKE = re.compile(r"\.(id|created|\w+_ms|\w+_per_second)$")
"""What differs between two answers to one question."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BUILDS, ids=lambda build: build.name)
async def stage(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A daemon with one real engine, of two slots; its model takes what it writes first for the start of a tool call.

    Here short answers are assembled, too.
    """
    folder = tmp_path_factory.mktemp("whole")
    patch = pytest.MonkeyPatch()
    patch.setattr(streaming, "SHORT", -1)
    (folder / "tools.jinja").write_text(TEMPLATE, "utf-8")
    async with AsyncExitStack() as stack:
        stack.callback(patch.undo)
        try:
            stand = await stack.enter_async_context(request.param.opens(folder))
        except Missing as missing:
            pytest.skip(str(missing))
        args = {**stand.profile.args, "chat-template-file": str(folder / "tools.jinja")}
        allowed = ("cache_prompt", "timings_per_token", "verbose")
        profiles = {"tiny": stand.edit(args=args, allow_fields=allowed).profile}
        settings = Settings(listen=("127.0.0.1:0",), profiles=profiles, commands=stand.commands)
        yield await stack.enter_async_context(opened(settings))


TEMPLATE = """
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '<|assistant|>' -}}
{%- if message.reasoning_content -%}{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' -}}{%- endif -%}
{{- message.content or '' -}}
{%- for call in message.tool_calls or [] -%}
{{- 'Hello! I am{"name": "' + call.function.name + '", "arguments": ' -}}
{%- if call.function.arguments is string -%}{{- call.function.arguments -}}
{%- else -%}{{- call.function.arguments | tojson -}}{%- endif -%}
{{- '} bye' -}}
{%- endfor -%}
{{- '<|end|>' -}}
{%- else -%}
{{- '<|user|>' + message.content + '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if tools and false -%}{{- tools | tojson -}}{%- endif -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def flat(document: Any, path: str = "") -> dict[str, Any]:
    """Return all values of *document* by where they are, but null for what differs between two answers to one question."""
    if isinstance(document, dict):
        return {at: value for name, inner in document.items() for at, value in flat(inner, f"{path}.{name}").items()}
    if isinstance(document, list):
        return {at: value for i, inner in enumerate(document) for at, value in flat(inner, f"{path}[{i}]").items()}
    return {path: None if UNLIKE.search(path) else document}


async def of_the_engine(stage: Stage, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Return status and document of the engine's own answer in one piece."""
    launch = stage.instance("tiny").launch
    assert launch is not None
    url, headers = launch.endpoint.url + path, dict(launch.endpoint.headers)
    where = aiohttp.UnixConnector(launch.endpoint.socket) if launch.endpoint.socket else None
    async with aiohttp.ClientSession(connector=where) as http, http.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (CHAT, {"max_tokens": 24}),
        (CHAT, {"max_tokens": 400}),
        (CHAT, {"max_tokens": 60, "stop": ["very"]}),
        (CHAT, {"max_tokens": 60, "stop": ["H"]}),
        (CHAT, {"max_tokens": 12, "n": 2}),
        (CHAT, {"max_tokens": 5, "grammar": 'root ::= "\u6f22\u5b57 \U0001f600\U0001f600"'}),
        (CHAT, {"max_tokens": 60, "grammar": 'root ::= "<think>\\nab cd\\n</think>\\n\\nhello"'}),
        (CHAT, {"max_tokens": 60, "grammar": 'root ::= ""'}),
        (CHAT, {"max_tokens": 80, "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
        (CHAT, {"max_tokens": 200, "tools": [TOOL], "tool_choice": "required"}),
        (CHAT, {"max_tokens": 20, "tools": [TOOL], "tool_choice": "none"}),
        (CHAT, {"max_tokens": 6, "tools": [TOOL], "logprobs": True, "top_logprobs": 2}),
        (CHAT, {"max_tokens": 40, "logprobs": True, "stop": ["very"]}),
        (CHAT, {"max_tokens": 6, "timings_per_token": True, "return_progress": True}),
        (CHAT, {"max_tokens": 6, "verbose": True}),
        (CHAT, {"max_tokens": 8, "messages": [*HELLO, {"role": "assistant", "content": "Hello! I"}]}),
        (TEXT, {"prompt": "Once upon", "max_tokens": 10}),
        (TEXT, {"prompt": "Once upon", "max_tokens": 600}),
        (TEXT, {"prompt": ["Once upon", "The cat"], "max_tokens": 10}),
        (TEXT, {"prompt": "Once upon", "max_tokens": 10, "n": 2, "echo": True}),
        (TEXT, {"prompt": "Once upon", "max_tokens": 5, "logprobs": 2}),
        (TEXT, {"prompt": "", "max_tokens": 5}),
        (CHAT, {"messages": None}),
        (CHAT, {"grammar": "root ::= ("}),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else value.removeprefix("/v1/").partition("/")[0],
)
async def test_the_answer_is_the_engines_own(stage: Stage, path: str, asked: dict[str, Any]) -> None:
    """Field by field it says what the engine says when it is asked itself, for no stream."""
    said = {"messages": HELLO} if path == CHAT else {}
    body = {"model": "tiny", "temperature": 0, "seed": 1, "cache_prompt": False, **said, **asked}
    status, direct = await of_the_engine(stage, path, body)
    answer = await stage.send("POST", path, json=body)
    assert status == answer.status
    if status == 200:
        assert flat(direct) == flat(answer.json)
    else:
        assert direct["error"]["message"] == answer.error["message"]


async def test_fields_that_are_not_listed_do_nothing(stage: Stage) -> None:
    """Each of them makes the engine itself refuse, stop, or answer in another form."""
    asked: dict[str, Any] = {"messages": HELLO, "max_tokens": 20, "temperature": 0, "seed": 1}
    plain = await stage.ask("tiny", **asked)
    given: dict[str, Any] = {
        "lora": "none",
        "chat_format": 10**6,
        "grammar_lazy": True,
        "response_fields": ["model"],
        "n_discard": -1,
        "id_slot": 1,
        "chat_template_kwargs": {"messages": [], "enable_thinking": False},
    }
    status, refused = await of_the_engine(stage, CHAT, {"model": "tiny", **asked, **given})
    assert status >= 400, refused
    answer = await stage.ask("tiny", **asked, **given)
    assert (200, plain.json["choices"]) == (answer.status, answer.json["choices"])
    left_out = answer.headers["x-hostd-left-out"].split(", ")
    assert sorted({*given, "chat_template_kwargs.messages"} - {"chat_template_kwargs"}) == sorted(left_out)


async def test_the_model_calls_tools(stage: Stage) -> None:
    """Or the comparison would not show that the calls are put together."""
    asked: dict[str, Any] = {
        "messages": HELLO,
        "max_tokens": 200,
        "temperature": 0,
        "tools": [TOOL],
        "tool_choice": "required",
    }
    answer = await stage.ask("tiny", **asked)
    call = answer.json["choices"][0]["message"]["tool_calls"][0]["function"]
    assert ("weather", "Rome") == (call["name"], json.loads(call["arguments"])["city"])


@pytest.mark.parametrize("more", [{}, {"stream_options": {"include_usage": True}}], ids=["", "usage"])
async def test_a_streamed_call_comes_when_it_is_whole(stage: Stage, more: dict[str, Any]) -> None:
    """The engine sends it piece by piece, and so does hostd, once all of it is there."""
    asked: dict[str, Any] = {"max_tokens": 200, "temperature": 0, "tools": [TOOL], "tool_choice": "required", **more}
    answer = await stage.ask("tiny", messages=HELLO, stream=True, **asked)
    assert "[DONE]" == answer.events[-1]
    options = [option for event in answer.events[:-1] for option in json.loads(event)["choices"]]
    pieces = [call for option in options for call in option["delta"].get("tool_calls", ())]
    said = "".join(piece["function"].get("arguments", "") for piece in pieces if piece["index"] == 0)
    assert "Rome" == json.loads(said)["city"]
    assert len(pieces) > 2


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
async def test_tools_that_the_engine_cannot_read(stage: Stage, *, streamed: bool) -> None:
    """It is asked once more, which costs nothing; its refusal is the answer, in its own words."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "nonsense"}}}
    asked: dict[str, Any] = {"messages": HELLO, "max_tokens": 20, "tools": [tool], "tool_choice": "required"}
    status, direct = await of_the_engine(stage, CHAT, asked)
    answer = await stage.ask("tiny", stream=streamed, **asked)
    assert (status, direct["error"]["message"]) == (answer.status, answer.error["message"])
    assert 400 == status
    assert "engine_refused" == answer.error["code"]


async def decoding(stage: Stage) -> int:
    """Return how many slots are at work."""
    server = stage.instance("tiny").server
    assert server is not None
    found = await server.backend.progress(server.http, server.launch.endpoint)
    assert found is not None
    return len(found.slots)


async def test_an_abandoned_answer_frees_its_slot(stage: Stage) -> None:
    """At once, and also beside a stream that goes on; of the engine alone that cannot be had."""
    body = {"model": "tiny", "messages": HELLO, **ENDLESS}
    async with stage.http.post(stage.url + CHAT, json={**body, "stream": True}) as stream:
        await stream.content.readuntil(b'"content":"')
        asking = stage.begin("tiny", **ENDLESS)
        async with asyncio.timeout(10):
            while await decoding(stage) < 2:
                await stream.content.readany()
        asking.cancel()
        async with asyncio.timeout(2):
            while await decoding(stage) > 1:
                await stream.content.readany()
        assert 1 == await decoding(stage)
        assert json.loads((await stage.ask("tiny", max_tokens=1)).body)["choices"]
