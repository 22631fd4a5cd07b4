"""One way to say "do not think", in every dialect, before real llama-servers whose templates take it each in its own way."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.host import Host, Reply, profile, serving

Json = dict[str, Any]

_TURNS = "{%- for message in messages -%}<|user|>{{ message.content }}<|end|>{%- endfor -%}<|assistant|>"
TEMPLATES = {
    "switch": _TURNS
    + r"{%- if enable_thinking is defined and not enable_thinking -%}{{- '<think>\n\n</think>\n\n' -}}{%- endif -%}",
    "other": _TURNS + "{%- if thinking is defined and thinking -%}<think>{%- else -%}</think>{%- endif -%}",
    "levels": "{%- if reasoning_effort is not defined -%}{%- set reasoning_effort = 'medium' -%}{%- endif -%}"
    "<|system|>Reasoning: {{ reasoning_effort }}<|end|>" + _TURNS,
    "plain": _TURNS,
    "always": "{%- for message in messages -%}{%- if message.role == 'user' -%}<|user|>{{ message.content }}<|end|>{%- else -%}"
    "<|assistant|>{%- if message.reasoning_content -%}<think>{{ message.reasoning_content }}</think>{%- endif -%}"
    "{{ message.content }}<|end|>{%- endif -%}{%- endfor -%}"
    r"{%- if add_generation_prompt -%}{{- '<|assistant|><think>\n' -}}{%- endif -%}",
}
"""In the manner of Qwen3, of DeepSeek V3.1, of gpt-oss, of a model that does not think, and of DeepSeek R1."""
CLOSED = {"switch": "<think>\n\n</think>\n\n", "other": "</think>"}
HELLO: Json = {"messages": [{"role": "user", "content": "Hello"}]}
OPENAI, RESPONSES, ANTHROPIC, OLLAMA = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"

SAID: tuple[tuple[str, Json], ...] = (
    (OPENAI, {**HELLO, "max_tokens": 1}),
    (RESPONSES, {"input": "Hello", "max_output_tokens": 1}),
    (ANTHROPIC, {**HELLO, "max_tokens": 1}),
    (OLLAMA, {**HELLO, "stream": False, "options": {"num_predict": 1}}),
)
"""The same request in all dialects."""
OFF: tuple[tuple[str, Json], ...] = (
    (OPENAI, {"reasoning_effort": "none"}),
    (OPENAI, {"chat_template_kwargs": {"enable_thinking": False}}),
    (OPENAI, {"chat_template_kwargs": {"thinking": False}}),
    (OPENAI, {"thinking": {"type": "disabled"}}),
    (OPENAI, {"reasoning": {"effort": "none"}}),
    (OPENAI, {"think": False}),
    (RESPONSES, {"reasoning": {"effort": "none"}}),
    (ANTHROPIC, {"thinking": {"type": "disabled"}}),
    (OLLAMA, {"think": False}),
)
ON: tuple[tuple[str, Json], ...] = (
    (OPENAI, {"reasoning_effort": "low"}),
    (OPENAI, {"chat_template_kwargs": {"enable_thinking": True}}),
    (RESPONSES, {"reasoning": {"effort": "high"}}),
    (ANTHROPIC, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    (OLLAMA, {"think": True}),
    (OLLAMA, {"think": "low"}),
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model for each template, one that is not to think, and a role that is not."""
    folder = tmp_path_factory.mktemp("thinking")
    for name, template in TEMPLATES.items():
        (folder / f"{name}.jinja").write_text(template, "utf-8")
    models = [thinking(folder, name) for name in TEMPLATES]
    quiet = thinking(folder, "switch") | {"name": "quiet", "thinking": False}
    roles = {"fast": {"use": ["switch"], "thinking": "off"}, "deep": {"use": ["quiet"], "thinking": "on"}}
    with serving(folder, *models, quiet, roles=roles) as running:
        yield running


def thinking(folder: Path, name: str) -> Json:
    """Return the profile of a model with a template from *folder*."""
    template = str(folder / f"{name}.jinja")
    return profile(name, slots=1, context=512, args={"threads": 1, "cache-ram": 0, "chat-template-file": template})


def asked(host: Host, model: str, path: str, words: Mapping[str, Any] | None = None) -> Reply:
    """Return the answer to the request that `SAID` has for *path*, with *words*."""
    reply = host.post(path, {"model": model, **dict(SAID)[path], **(words or {})})
    assert 200 == reply.status, reply.body
    return reply


def read(reply: Reply) -> int:
    """Return how many tokens of a prompt the engine has seen."""
    told = reply.json
    usage = told.get("usage") or {"prompt_tokens": told.get("prompt_eval_count")}
    return int(usage.get("prompt_tokens") or usage["input_tokens"] + usage.get("cache_read_input_tokens", 0))


def prompt(host: Host, model: str, text: str) -> int:
    """Return how many tokens *text* has, as *model*'s engine counts it."""
    reply = host.post("/v1/completions", {"model": model, "prompt": text, "max_tokens": 1})
    return int(reply.json["usage"]["prompt_tokens"])


@pytest.mark.parametrize("model", sorted(CLOSED))
@pytest.mark.parametrize(("path", "words"), OFF)
def test_do_not_think(host: Host, model: str, path: str, words: Json) -> None:
    """Whoever says it and however, the engine sees the prompt with the block of thought closed, and nothing is noted."""
    reply = asked(host, model, path, words)
    assert prompt(host, model, "<|user|>Hello<|end|><|assistant|>" + CLOSED[model]) == read(reply)
    assert "x-hostd-thinking" not in reply.headers
    assert "x-hostd-left-out" not in reply.headers


@pytest.mark.parametrize(("path", "words"), ON)
def test_think(host: Host, path: str, words: Json) -> None:
    """So it is the other way round, where the template or the owner has another default."""
    opened = prompt(host, "other", "<|user|>Hello<|end|><|assistant|><think>")
    open_too = prompt(host, "quiet", "<|user|>Hello<|end|><|assistant|>")
    assert (opened, open_too) == (read(asked(host, "other", path, words)), read(asked(host, "quiet", path, words)))


@pytest.mark.parametrize("path", [path for path, _ in SAID])
def test_the_owner_says_it(host: Host, path: str) -> None:
    """A profile's wish holds where a request says nothing, and a role's comes before it."""
    without, closed = (
        prompt(host, "switch", f"<|user|>Hello<|end|><|assistant|>{end}") for end in ("", CLOSED["switch"])
    )
    assert without != closed
    found = {model: read(asked(host, model, path)) for model in ("quiet", "fast", "deep")}
    assert {"quiet": closed, "fast": closed, "deep": without} == found


@pytest.mark.parametrize(("path", "words"), OFF)
def test_a_model_that_always_thinks(host: Host, path: str, words: Json) -> None:
    """It thinks as little as it can, and the answer says so."""
    reply = asked(host, "levels", path, words)
    assert "low" == reply.headers["x-hostd-thinking"]
    low = prompt(host, "levels", "<|system|>Reasoning: low<|end|><|user|>Hello<|end|><|assistant|>")
    assert low == read(reply)


@pytest.mark.parametrize(("path", "words"), OFF)
def test_a_model_whose_template_cannot_help(host: Host, path: str, words: Json) -> None:
    """The engine closes its thought as it begins."""
    limits: dict[str, Json] = {
        RESPONSES: {"max_output_tokens": 24, "temperature": 0},
        OLLAMA: {"options": {"num_predict": 24, "temperature": 0}},
    }
    long = limits.get(path, {"max_tokens": 24, "temperature": 0})
    loud, quiet = asked(host, "always", path, long), asked(host, "always", path, {**long, **words})
    assert (True, False) == (b"Hello" in thought(loud), bool(thought(quiet).strip()))


def thought(reply: Reply) -> bytes:
    """Return what the model has thought, in whichever dialect."""
    told = reply.json
    message = told["choices"][0]["message"] if "choices" in told else told.get("message", {})
    blocks = [block.get("thinking", "") for block in told.get("content", ())]
    items = [str(item.get("content")) for item in told.get("output", ()) if item["type"] == "reasoning"]
    return "".join([message.get("reasoning_content") or message.get("thinking") or "", *blocks, *items]).encode()


def test_levels(host: Host) -> None:
    """One that the model was not taught gives way to the nearest; the usual ones are said as they are."""
    for effort, note in (("minimal", "low"), ("low", None), ("high", None), ("xhigh", "high")):
        assert note == asked(host, "levels", OPENAI, {"reasoning_effort": effort}).headers.get("x-hostd-thinking")


def test_a_model_that_does_not_think(host: Host) -> None:
    """There is nothing to switch off, and what cannot be switched on is noted."""
    plain = read(asked(host, "plain", OPENAI))
    off, on = (asked(host, "plain", OPENAI, {"reasoning_effort": effort}) for effort in ("none", "high"))
    assert (plain, plain) == (read(off), read(on))
    assert (None, "off") == (off.headers.get("x-hostd-thinking"), on.headers.get("x-hostd-thinking"))


def test_what_models_can_do(host: Host) -> None:
    """Is told wherever models are listed, as their templates show it."""
    listed = {model["id"]: model["hostd_capabilities"] for model in host.get("/v1/models").json["data"]}
    told = {name: listed[name]["thinking"] for name in TEMPLATES}
    assert {"switch": "optional", "other": "optional", "levels": "true", "plain": "false", "always": "true"} == told
    shown = [host.post("/api/show", {"model": name}).json["capabilities"] for name in ("switch", "plain")]
    assert [True, False] == ["thinking" in each for each in shown]


def test_counted_as_it_would_be_read(host: Host) -> None:
    """A count of tokens is of the prompt that the model would see."""
    counted = host.post("/v1/messages/count_tokens", {"model": "quiet", **HELLO}).json
    assert read(asked(host, "quiet", ANTHROPIC)) == counted["input_tokens"], json.dumps(counted)
