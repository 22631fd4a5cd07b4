"""What hostd says to an Ollama beside requests for text."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.ollama.client import asked, classify, keep, loaded
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from tests.http_client import client


@asynccontextmanager
async def server(status: int, body: object) -> AsyncIterator[tuple[Endpoint, list[bytes]]]:
    """Run a server that has one answer to everything, and keep what it was asked."""
    heard: list[bytes] = []
    said = (body if isinstance(body, str) else json.dumps(body)).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(said)}\r\n"
        writer.write(head.encode() + b"Location: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n" + said)
        writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with running:
        yield Endpoint(f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}", "q"), heard


def test_the_client_is_imported_by_its_users_only() -> None:
    """When the first model is loaded, not when hostd starts."""
    program = "import sys, hostd.backends.registry; sys.exit('httpx' in sys.modules or 'ollama' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


async def test_no_key_is_sent_to_an_ollama(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key in the environment is for ollama.com; nor does a proxy for the web come between."""
    monkeypatch.setenv("OLLAMA_API_KEY", "secret-of-mine")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with server(200, {"models": [], "response": "", "done": True}) as (endpoint, heard):
        assert {} == await loaded(endpoint)
        await keep(endpoint, -1)
    assert [b"GET /api/ps", b"POST /api/generate"] == [request.partition(b" HTTP")[0] for request in heard]
    assert not any(b"secret-of-mine" in request for request in heard)


async def test_what_is_loaded_has_its_full_name() -> None:
    """With the context that each was given, where the server reports it."""
    models = [{"model": "a", "context_length": 4096}, {"model": "b:1"}]
    async with server(200, {"models": models}) as (endpoint, _):
        assert {"a:latest": 4096, "b:1": None} == await loaded(endpoint)


@pytest.mark.parametrize(("status", "body"), [(500, {"error": "x"}), (200, "nonsense"), (307, {}), (200, {})])
async def test_a_server_that_does_not_answer_holds_nothing(status: int, body: object) -> None:
    """Neither an error nor nonsense nor a redirect ends a load."""
    async with server(status, body) as (endpoint, _):
        assert {} == await loaded(endpoint)


@pytest.mark.parametrize(("status", "body"), [(500, {"a": 1}), (200, "nonsense"), (200, [1])])
async def test_a_question_that_is_not_answered_has_no_answer(status: int, body: object) -> None:
    """Only a document counts."""
    async with server(status, body) as (endpoint, _), client() as http:
        assert {} == await asked(http, endpoint, "/api/show", {"model": "q"})
        assert {} == await asked(http, Endpoint("http://127.0.0.1:1", "q"), "/api/version")


async def test_an_error_of_the_server_is_reported() -> None:
    """In its own words, and classified by them."""
    async with server(500, {"error": "model requires more system memory (9.1 GiB) than is available (3.1 GiB)"}) as (
        endpoint,
        _,
    ):
        with pytest.raises(EngineError, match="Ollama could not load q: model requires more system memory") as caught:
            await keep(endpoint, -1)
    assert ExitClass.OUT_OF_MEMORY == caught.value.exit_class


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("llama-server process has terminated: exit status 1: error: invalid argument: --x", ExitClass.BAD_FLAG),
        ("llama-server process has terminated: cudaMalloc failed: out of memory", ExitClass.OUT_OF_MEMORY),
        ("llama-server reported out-of-memory during startup: x", ExitClass.OUT_OF_MEMORY),
        ("first\nerror: unknown argument: --x", ExitClass.BAD_FLAG),
        ('tensor "blk.2.ffn_gate.weight" offset+size (1528928) exceeds file size (1500000)', ExitClass.MISSING_FILE),
        ("unsupported version 0", ExitClass.MISSING_FILE),
        (
            "llama-server process has terminated: exit status 1: error loading model: unknown model architecture: 'x'",
            ExitClass.MISSING_FILE,
        ),
        ("something else", ExitClass.UNKNOWN),
    ],
)
def test_what_it_quotes_is_understood(line: str, meant: ExitClass) -> None:
    """The last words of the llama-server below it come behind Ollama's."""
    assert meant == classify(1, (line,))
