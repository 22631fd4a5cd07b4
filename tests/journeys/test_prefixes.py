"""What an engine has read of one turn is the beginning of the next, for the recorded requests of agents' programs.

Those in tests/data/turns are Claude Code's, Codex's and OpenCode's, turn after turn, with the programs' own texts replaced.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.profile import Settings
from tests.conformance.engine import Missing
from tests.conformance.engines import llamacpp_wheel
from tests.journeys.test_whole_answers import of_the_engine
from tests.stage import Stage, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")
Json = dict[str, Any]

TURNS = {
    file.stem: json.loads(file.read_text("utf-8"))
    for file in sorted(Path(__file__).parents[1].glob("data/turns/*.json"))
}
LIMITS = {"/v1/messages": "max_tokens", "/v1/responses": "max_output_tokens", "/v1/chat/completions": "max_tokens"}
SLACK = 8
"""Tokens that an engine reads once more although they are the same, and those of a tag that a tokenizer joins with what follows."""
TEMPLATE = """
{%- if messages[0].role == 'system' -%}{%- set first = messages[0].content -%}{%- else -%}{%- set first = '' -%}{%- endif -%}
{{- '<|system|>' + first -}}
{%- if tools -%}{{- '<tools>' -}}{%- for tool in tools -%}{{- tool | tojson -}}{%- endfor -%}{{- '</tools>' -}}{%- endif -%}
{{- '<|end|>' -}}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- if not loop.first -%}{{- raise_exception('System message must be at the beginning.') -}}{%- endif -%}
{%- elif message.role == 'assistant' -%}
{{- '<|assistant|>' -}}
{%- if message.reasoning_content -%}{{- '<think>' + message.reasoning_content + '</think>' -}}{%- endif -%}
{{- message.content or '' -}}
{%- for call in message.tool_calls or [] -%}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' -}}
{%- if call.function.arguments is string -%}{{- call.function.arguments -}}
{%- else -%}{{- call.function.arguments | tojson -}}{%- endif -%}
{{- '}</tool_call>' -}}
{%- endfor -%}
{{- '<|end|>' -}}
{%- elif message.role == 'tool' -%}
{{- '<|user|><tool_response>' + message.content + '</tool_response><|end|>' -}}
{%- else -%}
{{- '<|user|>' + message.content + '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""
"""As strict as those of common models: a system message stands at the front, where the tools follow it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A daemon with a real llama-server."""
    folder = tmp_path_factory.mktemp("prefixes")
    (folder / "strict.jinja").write_text(TEMPLATE, "utf-8")
    async with AsyncExitStack() as stack:
        try:
            stand = await stack.enter_async_context(llamacpp_wheel.ENGINE.opens(folder))
        except Missing as missing:
            pytest.skip(str(missing))
        args = {**stand.profile.args, "chat-template-file": str(folder / "strict.jinja")}
        profiles = {"tiny": stand.edit(args=args).profile}
        settings = Settings(listen=("127.0.0.1:0",), profiles=profiles, commands=stand.commands)
        yield await stack.enter_async_context(opened(settings))


def as_chat(path: str, asked: Json) -> Json:
    """Return the chat completion that the engine is asked for."""
    dialect = registry.PATHS[path]
    between = registry.translation(dialect, {Dialect.OPENAI_CHAT})
    assert between is not None
    request = registry.client_dialect(dialect).parse(json.dumps(asked).encode())
    chat: Json = json.loads(between.request(request).encode())
    return chat


async def prompt_of(stage: Stage, chat: Json, **more: object) -> tuple[str, list[int]]:
    """Return the prompt that the engine makes of *chat*, and its tokens."""
    about = {name: chat[name] for name in ("messages", "tools", "tool_choice") if name in chat}
    status, rendered = await of_the_engine(stage, "/apply-template", about | more)
    assert 200 == status, rendered
    _, split = await of_the_engine(
        stage, "/tokenize", {"content": rendered["prompt"], "add_special": True, "parse_special": True}
    )
    return rendered["prompt"], split["tokens"]


def common(first: Any, second: Any) -> int:
    """Return how long the beginning is that both have."""
    return next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def cached(answer: Json) -> int:
    """Return the tokens of the prompt that the engine had read before, in any dialect."""
    usage = answer["usage"]
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    found: int = details["cached_tokens"] if details else usage["cache_read_input_tokens"]
    return found


@pytest.mark.parametrize("client", TURNS)
async def test_a_turn_begins_with_the_one_before(stage: Stage, client: str) -> None:
    """In the engine's own tokens, and in its cache. A tool that has been loaded on the way is read behind all others."""
    path, turns = TURNS[client]["path"], TURNS[client]["turns"]
    asked = [turn | {"model": "tiny", "stream": False, LIMITS[path]: 1} for turn in turns]
    chats = [as_chat(path, each) for each in asked]
    answers = [(await stage.send("POST", path, json=each)).json for each in asked]
    for number, (before, after) in enumerate(pairwise(chats), 1):
        whole, tokens = await prompt_of(stage, before, add_generation_prompt=False)
        text, following = await prompt_of(stage, after)
        shared = common(tokens, following)
        if before["tools"] == after["tools"]:
            assert text.startswith(whole)
            assert shared >= len(tokens) - SLACK
        else:
            assert before["tools"] == after["tools"][: len(before["tools"])]
            assert text.startswith(whole[: whole.index("</tools>")])
        assert cached(answers[number]) >= shared - SLACK


async def test_a_chat_with_a_late_system_message(stage: Stage) -> None:
    """Is answered although the template takes none there, and stays where it was: the next turn begins with this one."""
    first = [
        {"role": "system", "content": "You help with code. " * 10},
        {"role": "developer", "content": "Be brief. " * 10},
        {"role": "user", "content": "Hello, who are you?"},
        {"role": "system", "content": "The folder is empty. " * 10},
    ]
    second = [*first, {"role": "assistant", "content": "Tiny."}, {"role": "user", "content": "Go on."}]
    answers = [await stage.ask("tiny", messages=messages, max_tokens=1) for messages in (first, second)]
    assert [200, 200] == [answer.status for answer in answers]
    assert cached(answers[1].json) >= answers[0].json["usage"]["prompt_tokens"] - SLACK
