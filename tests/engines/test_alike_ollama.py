"""The scripted Ollama answers as the real one of its version does: status, errors word by word, and the keys of documents."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hostd.demo import settings_file
from tests.engines.ollama_program import installed, put_real_model, serving
from tests.engines.ollama_server import put_model
from tests.engines.playing import played

TAG = "tiny:1b"
TEMPLATE = b"{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}<|end|>{{ end }}<|assistant|>"
HELLO = [{"role": "user", "content": "Hello"}]
LONG = [{"role": "user", "content": "word " * 6000}]
CUT = {"num_ctx": 512, "num_predict": 2}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SEEN = [{"role": "user", "content": "Look", "images": ["aGk="]}]
WHOLE = {"model": TAG, "stream": False, "options": {"num_predict": 4}}
SAID = {"model": TAG, "max_tokens": 4}
STREAMED = SAID | {"messages": HELLO, "stream": True}

QUESTIONS: list[tuple[str, str, dict[str, Any] | bytes | None]] = [
    ("GET", "/", None),
    ("GET", "/nothing", None),
    ("GET", "/api/version", None),
    ("GET", "/api/tags", None),
    ("GET", "/api/ps", None),
    ("GET", "/api/chat", None),
    ("POST", "/api/show", {"model": "none"}),
    ("POST", "/api/show", b"{"),
    ("POST", "/api/show", b""),
    ("POST", "/api/generate", {"model": TAG, "prompt": ""}),
    ("GET", "/api/ps", None),
    ("POST", "/api/generate", WHOLE | {"prompt": "Hello"}),
    ("POST", "/api/generate", WHOLE | {"prompt": "Hello", "raw": True}),
    ("POST", "/api/generate", WHOLE | {"prompt": "a", "suffix": "b"}),
    ("POST", "/api/generate", b"{"),
    ("POST", "/api/chat", WHOLE | {"messages": HELLO}),
    ("POST", "/api/chat", WHOLE | {"messages": HELLO, "logprobs": True}),
    ("POST", "/api/chat", WHOLE | {"messages": HELLO, "format": "json"}),
    ("POST", "/api/chat", WHOLE | {"messages": HELLO, "think": True}),
    ("POST", "/api/chat", WHOLE | {"messages": HELLO, "tools": [TOOL]}),
    ("POST", "/api/chat", WHOLE | {"messages": SEEN}),
    ("POST", "/api/chat", WHOLE | {"messages": LONG, "options": CUT}),
    ("POST", "/api/chat", WHOLE | {"messages": LONG, "options": CUT, "truncate": False}),
    ("POST", "/api/chat", {"model": TAG, "messages": []}),
    ("POST", "/api/chat", {"model": "none", "messages": HELLO}),
    ("POST", "/api/chat", b""),
    ("POST", "/api/embed", {"model": TAG, "input": "Hello"}),
    ("POST", "/api/embeddings", {"model": TAG, "prompt": "Hello"}),
    ("GET", "/v1/models", None),
    ("GET", f"/v1/models/{TAG}", None),
    ("GET", "/v1/models/none", None),
    ("POST", "/v1/chat/completions", SAID | {"messages": HELLO}),
    ("POST", "/v1/chat/completions", STREAMED),
    ("POST", "/v1/chat/completions", STREAMED | {"stream_options": {"include_usage": True}}),
    ("POST", "/v1/chat/completions", SAID | {"messages": []}),
    ("POST", "/v1/chat/completions", {"model": "none", "messages": HELLO}),
    ("POST", "/v1/chat/completions", b"{"),
    ("POST", "/v1/completions", SAID | {"prompt": "Hello"}),
    ("POST", "/v1/embeddings", {"model": TAG, "input": "Hello"}),
    ("POST", "/api/chat", {"model": TAG, "messages": [], "keep_alive": 0}),
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        installed() is None, reason="ollama is not installed: run scripts/engines ollama, where Go is installed"
    ),
]


def outline(value: object) -> object:
    """Return the keys and types of a document."""
    if isinstance(value, dict):
        return {key: outline(each) for key, each in value.items()}
    if isinstance(value, list):
        return [outline(each) for each in value[:1]]
    return type(value).__name__


def told(status: int, body: str) -> object:
    """Return what two servers say alike: of errors the words without their numbers, of streams the first chunk and the last two."""
    try:
        document = json.loads(body)
    except ValueError:
        lines = [line.removeprefix("data: ") for line in body.splitlines() if line]
        chosen = [lines[0], *lines[1:][-2:]]
        return [outline(json.loads(line)) if line.startswith("{") else line for line in chosen]
    return outline(document) if status == 200 else re.sub(r"\d+", "N", json.dumps(document))


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Run the real one and the scripted one, each with one model that completes and does nothing else."""
    async with AsyncExitStack() as stack:
        weights = settings_file().parent / "models" / "tiny-chat.gguf"
        put_real_model(tmp_path / "real", TAG, weights, template=TEMPLATE)
        real = await stack.enter_async_context(serving(tmp_path / "real"))
        put_model(tmp_path / "scripted", TAG)
        env = {"OLLAMA_HOST": "127.0.0.1:PORT", "OLLAMA_MODELS": str(tmp_path / "scripted")}
        script = json.dumps({"capabilities": ["completion"]})
        scripted = await stack.enter_async_context(played("ollama", "--script", script, "serve", env=env))
        await scripted.until_up("/")
        yield real.launch.endpoint.url, scripted.url


async def test_both_answer_alike(both: tuple[str, str]) -> None:
    """Forty questions: what it knows, loads, answers, refuses, and what no JSON is."""
    different = {}
    async with aiohttp.ClientSession() as http:
        for method, path, asked in QUESTIONS:
            answers = []
            for url in both:
                body = {"data": asked} if isinstance(asked, bytes) else {"json": asked} if asked is not None else {}
                async with http.request(method, url + path, **body) as answer:
                    answers.append((answer.status, told(answer.status, await answer.text())))
            if answers[0] != answers[1]:
                different[f"{method} {path} {str(asked)[:80]}"] = answers
    assert not different
