"""Servers that hostd did not start, played by scripted engines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.attached.engine import Attached, listed
from hostd.backends.contract import Attachment
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.errors import EngineError
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Variant
from hostd.domain.progress import EngineProgress
from hostd.domain.reason import ExitClass
from hostd.domain.thinking import ThinkingWish
from tests.backends.running import Running, free_port, running
from tests.http_client import client
from tests.stage import ENGINE

PROFILE = Profile("mine", (), slots=3)


@asynccontextmanager
async def lm_studio(tmp_path: Path, **script: object) -> AsyncIterator[tuple[Running, Variant]]:
    """Run a server that hostd did not start, and return how to attach to it."""
    weights = tmp_path / "theirs.gguf"
    weights.write_bytes(b"GGUF" + bytes(60))
    theirs = Profile("theirs", (), context=2048, slots=2, args={"script": json.dumps(script)})
    launch = LlamaCpp(ENGINE).launch(theirs, Variant("llamacpp", path=str(weights)), None, free_port(), "their-key")
    async with running(launch) as engine:
        yield engine, Variant("openai", url=f"{launch.endpoint.url}/v1", api_key="their-key")


def attach(variant: Variant, **profile: Any) -> Attachment:
    """Return how *variant* is attached."""
    return Attached().attach(replace(PROFILE, **profile), variant)


async def attached(variant: Variant, **profile: Any) -> Attachment:
    """Return how *variant* is attached, letting servers of this process answer meanwhile."""
    return await asyncio.to_thread(attach, variant, **profile)


@asynccontextmanager
async def listing(*names: str, status: int = 200, body: str | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a server that lists these models, in this process."""
    said = (body or json.dumps({"object": "list", "data": [{"id": name} for name in names]})).encode()
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(said)}\r\nLocation: http://127.0.0.1:1/\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", heard


def test_what_it_can_serve() -> None:
    """Whatever has an address."""
    assert Attached().accepts(Variant("openai", url="http://h/v1")) is None
    assert "backend 'mlx' is not openai" == Attached().accepts(Variant("mlx", path="x"))
    assert "an openai variant needs the url of a server that runs" == Attached().accepts(Variant("openai"))
    with pytest.raises(EngineError, match="needs the url"):
        attach(Variant("openai"))


async def test_nothing_is_started_and_only_its_own_key_is_sent(tmp_path: Path) -> None:
    """Where it is, what it calls its model, and the key that the owner gave for it."""
    async with lm_studio(tmp_path) as (engine, variant):
        attachment = await attached(variant)
        assert ("/v1/models", 3) == (attachment.health, attachment.slots)
        endpoint = attachment.endpoint
        assert endpoint.local
        assert (engine.launch.endpoint.url, "theirs", True) == (endpoint.url, endpoint.model, endpoint.strict_model)
        assert {"Authorization": "Bearer their-key"} == endpoint.headers
        answer = await engine.http.ask(endpoint.url + attachment.health, endpoint.headers)
        assert 200 == answer.status
    assert {} == attach(Variant("openai", url="http://127.0.0.1:1/v1", model="m")).endpoint.headers


async def test_of_several_models_the_owner_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that it lists is meant; several are told by name."""
    monkeypatch.setattr("hostd.backends.attached.engine.local_pid", lambda _: None)
    async with listing("only") as (url, _):
        assert "only" == (await attached(Variant("openai", url=url))).endpoint.model
    async with listing("one", "two") as (url, heard):
        with pytest.raises(EngineError, match="has one, two; name one of them as the variant's model") as caught:
            await attached(Variant("openai", url=url))
        assert ExitClass.BAD_FLAG == caught.value.exit_class
        heard.clear()
        assert "three" == (await attached(Variant("openai", url=url, model="three"))).endpoint.model
        assert [] == heard
    async with listing() as (url, _):
        with pytest.raises(EngineError, match="lists no models; name the one that it has"):
            await attached(Variant("openai", url=url))


async def test_a_key_is_sent_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to where a redirect leads, and not through a web proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with listing(status=302) as (url, heard):
        with pytest.raises(EngineError, match="answers with status 302; see what its log says"):
            await asyncio.to_thread(listed, Variant("openai", url=url, api_key="k"))
        assert 1 == len(heard)
        assert b"Authorization: Bearer k" in heard[0]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (401, "{}", "answers with status 401; correct the variant's api_key"),
        (500, "{}", "answers with status 500; see what its log says"),
        (200, "no json", "no server answers at"),
    ],
)
async def test_what_is_wrong_with_a_server_is_reported(status: int, body: str, why: str) -> None:
    """And what to do."""
    async with listing(status=status, body=body) as (url, _):
        with pytest.raises(EngineError, match=why):
            await asyncio.to_thread(listed, Variant("openai", url=url))


async def test_a_server_that_does_not_run_is_known_before_the_load(tmp_path: Path) -> None:
    """No model is unloaded for it."""
    absent = Variant("openai", url=f"http://127.0.0.1:{free_port()}/v1", model="m")
    with pytest.raises(EngineError, match="start it, or correct the variant's url") as raised:
        await asyncio.to_thread(Attached().check, PROFILE, absent, None)
    # So that another variant, or another model, is tried at once.
    assert ExitClass.MISSING_FILE is raised.value.exit_class
    async with lm_studio(tmp_path) as (_, variant):
        await asyncio.to_thread(Attached().check, PROFILE, replace(variant, model="m"), None)


async def test_hostd_is_not_attached_to_itself() -> None:
    """An address of this very process would have it ask itself for ever."""
    async with listing("m") as (url, _):
        with pytest.raises(EngineError, match="is this hostd itself") as caught:
            await attached(Variant("openai", url=url, model="m"))
    assert ExitClass.BAD_FLAG == caught.value.exit_class


def test_private_prompts_go_to_no_other_machine() -> None:
    """A server on this machine may have them."""
    with pytest.raises(EngineError, match="is not on this machine"):
        attach(Variant("openai", url="http://192.168.1.5:1/v1", model="m"), privacy=Privacy.LOCAL)
    assert (
        "m" == attach(Variant("openai", url="http://127.0.0.1:1/v1", model="m"), privacy=Privacy.LOCAL).endpoint.model
    )


def test_requests_have_its_own_name_for_the_model() -> None:
    """One that has it already passes unchanged."""
    endpoint = attach(Variant("openai", url="http://127.0.0.1:1/v1", model="m")).endpoint
    assert {"model": "m", "stream": True} == Attached().adapt(endpoint, {"model": "mine", "stream": True})
    assert Attached().adapt(endpoint, {"model": "m"}) is None


async def test_a_llama_server_tells_its_slots_and_limits(tmp_path: Path) -> None:
    """A request that generates is seen to; one for an answer in one piece had better be made for a stream."""
    async with lm_studio(tmp_path, tokens=1000, token_delay=0.01) as (engine, variant):
        backend, endpoint = Attached(), (await attached(variant)).endpoint
        assert not backend.prefers_stream(endpoint, {})
        facts = await backend.describe(engine.http, endpoint)
        assert ("b0-scripted", 2048, 2, ("theirs",)) == (facts.version, facts.context, facts.slots, facts.models)
        assert EngineProgress() == await backend.progress(engine.http, endpoint)
        assert {"return_progress": True} == backend.report_request(endpoint)
        assert backend.prefers_stream(endpoint, {})
        assert not backend.prefers_stream(endpoint, {"logprobs": True})
        body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
        url, said = f"{endpoint.url}/v1/chat/completions", json.dumps(body).encode()
        answer = await engine.http.send("POST", url, {"Content-Type": "application/json", **endpoint.headers}, said)
        await answer.some()
        found = await backend.progress(engine.http, endpoint)
        assert found is not None
        assert [True] == [slot.decoded >= 1 for slot in found.slots]
        answer.close()


async def test_a_server_without_slots_is_asked_once() -> None:
    """Some write each unknown route into their log."""
    backend = Attached()
    async with listing("m", status=404) as (url, heard), client() as http:
        endpoint = replace(
            attach(Variant("openai", url="http://h/v1", model="m")).endpoint, url=url.removesuffix("/v1")
        )
        assert await backend.progress(http, endpoint) is None
        assert await backend.progress(http, endpoint) is None
        assert [b"/slots", b"/metrics"] == [head.split()[1] for head in heard]
        assert {} == backend.report_request(endpoint)
        assert not backend.prefers_stream(endpoint, {})


async def test_a_llama_server_is_told_to_think_in_its_own_words(tmp_path: Path) -> None:
    """Its template is looked at; of another server nothing is known, and it is told in the words of most templates."""
    off = ThinkingWish(think=False)
    async with lm_studio(tmp_path, template="{{ enable_thinking }}") as (engine, variant):
        backend, endpoint = Attached(), (await attached(variant)).endpoint
        control = (await backend.describe(engine.http, endpoint)).thinking
        assert control is not None
        said = backend.think(endpoint, off, {"reasoning_effort": "none"}, control)
        assert {"chat_template_kwargs": {"enable_thinking": False}} == said.members
    both = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
    assert both == Attached().think(endpoint, off, {}, None).members
