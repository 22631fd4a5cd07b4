"""Ollama as a backend, against a scripted one that answers as it does."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostd.backends.contract import Attachment, Launch
from hostd.backends.llamacpp import memory_log
from hostd.backends.ollama.engine import Ollama
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.footprint import Component
from hostd.domain.principal import Privacy
from hostd.domain.profile import Capabilities, Flag, Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from tests.backends.running import CHAT, Running, free_port, running
from tests.engines.ollama_server import PROGRAM, command, put_model
from tests.http_client import client

MIB = 1 << 20
HERE = Variant("ollama", tag="q:9b")
PROFILE = Profile("mine", (HERE,), context=2048, slots=2)

Serve = Callable[..., AbstractAsyncContextManager[tuple[Ollama, Running]]]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The owner's store, with two models."""
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    put_model(tmp_path, "q:9b")
    put_model(tmp_path, "other")
    return tmp_path


def launched(profile: Profile = PROFILE, option: LoadOption | None = None, **script: object) -> tuple[Ollama, Launch]:
    """Return a backend and how it starts a scripted Ollama."""
    backend = Ollama(command(**script))
    return backend, backend.launch(profile, profile.variants[0], option, free_port(), "")


@asynccontextmanager
async def served(profile: Profile = PROFILE, **script: object) -> AsyncIterator[tuple[Ollama, Running]]:
    """Serve *profile* by a scripted Ollama that hostd started."""
    backend, launch = launched(profile, None, **script)
    async with running(launch) as engine:
        yield backend, engine


@asynccontextmanager
async def adopted(engine: Running, tag: str = "q:9b", **profile: Any) -> AsyncIterator[tuple[Ollama, Attachment]]:
    """Attach to an Ollama that runs already."""
    backend = Ollama()
    variant = Variant("ollama", tag=tag, url=engine.launch.endpoint.url)
    yield backend, backend.attach(replace(PROFILE, **profile), variant)


async def seen(engine: Running) -> dict[str, Any]:
    """Return what the scripted Ollama has seen."""
    found = (await engine.get("/_seen"))[1]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("variant", "why"),
    [
        (HERE, None),
        (Variant("llamacpp", path="x"), "backend 'llamacpp' is not ollama"),
        (Variant("ollama"), "an Ollama variant needs a tag, such as qwen3.5:9b"),
        (
            Variant("ollama", tag="gpt-oss:120b-cloud"),
            "gpt-oss:120b-cloud is not run by this machine but by ollama.com; choose a tag without cloud",
        ),
    ],
)
def test_what_it_can_serve(variant: Variant, why: str | None) -> None:
    """Tags whose models run on this machine."""
    assert why == Ollama().accepts(variant)


def test_the_plan_reaches_it_by_variables_alone(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that named a context would make it load again; no keys and no other Ollama's settings are passed on."""
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    monkeypatch.setenv("OLLAMA_DEBUG", "1")
    profile = replace(PROFILE, kv_type="q8_0", args={"flash-attn": True})
    option = LoadOption(0, "q", Placement.on("cuda:1"), gpu_layers=7, needs={"cuda:1": 1})
    _, launch = launched(profile, option)
    assert (*command(), "serve") == launch.argv
    said = {name: value for name, value in launch.env.items() if name.startswith(("OLLAMA", "CUDA"))}
    port = launch.endpoint.url.rpartition(":")[2]
    assert {
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(store),
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_NUM_PARALLEL": "2",
        "OLLAMA_CONTEXT_LENGTH": "2048",
        "OLLAMA_KV_CACHE_TYPE": "q8_0",
        "OLLAMA_FLASH_ATTENTION": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_LOAD_TIMEOUT": "1800s",
        "OLLAMA_MAX_QUEUE": "64",
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_NOPRUNE": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "1",
    } == said
    assert ("/api/version", 2, "q:9b", True) == (
        launch.health,
        launch.slots,
        launch.endpoint.model,
        launch.endpoint.strict_model,
    )


def test_embeddings_have_one_slot() -> None:
    """Ollama gives them no more, whatever it is told."""
    assert 1 == launched(replace(PROFILE, capabilities=Capabilities(embeddings=True)))[1].slots


@pytest.mark.parametrize(("value", "said"), [("on", "1"), ("off", "0"), (False, "0"), ("auto", None)])
def test_flash_attention_is_its_own_where_the_owner_says_nothing(value: Flag, said: str | None) -> None:
    """Told nothing, Ollama looks at the devices."""
    assert said == launched(replace(PROFILE, args={"flash-attn": value}))[1].env.get("OLLAMA_FLASH_ATTENTION")


def test_a_load_that_would_fail_is_known_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tag that is in no store, a cache type that Ollama lacks, an Ollama that is not installed."""
    backend = Ollama(PROGRAM)
    backend.check(PROFILE, HERE, None)
    with pytest.raises(EngineError, match="run: hostd pull ollama:absent"):
        backend.check(PROFILE, Variant("ollama", tag="absent"), None)
    with pytest.raises(EngineError, match="as f16, q8_0, q4_0, not as q5_1; change kv_type") as caught:
        backend.check(replace(PROFILE, kv_type="q5_1"), HERE, None)
    assert ExitClass.BAD_FLAG == caught.value.exit_class
    with pytest.raises(EngineError, match=r"'none-such' was not found; correct backends\.ollama\.command"):
        Ollama(("none-such",)).check(PROFILE, HERE, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"'ollama' was not found; see https://ollama\.com/download") as caught:
        Ollama().check(PROFILE, HERE, None)
    assert ExitClass.MISSING_FILE == caught.value.exit_class


def test_private_prompts_go_to_no_other_machine() -> None:
    """An Ollama elsewhere is refused for them, before and at the load."""
    private = replace(PROFILE, privacy=Privacy.LOCAL)
    far = Variant("ollama", tag="q", url="http://192.168.1.5:11434")
    for attempt in (
        lambda: Ollama().check(private, far, None),
        lambda: Ollama().attach(private, far),
    ):
        with pytest.raises(EngineError, match="is not on this machine"):
            attempt()
    endpoint = Ollama().attach(PROFILE, far).endpoint
    assert ("http://192.168.1.5:11434", False) == (endpoint.url, endpoint.local)


async def test_a_model_is_loaded_by_asking_and_stays() -> None:
    """A server that answers has nothing in memory yet; afterwards its runner has, for ever, and its log tells what."""
    async with served(load_bytes=30 * MIB) as (backend, engine):
        endpoint = engine.launch.endpoint
        assert {"models": []} == (await engine.get("/api/ps"))[1]
        await backend.open(engine.http, endpoint)
        [held] = (await engine.get("/api/ps"))[1]["models"]
        assert ("q:9b", 2048) == (held["model"], held["context_length"])
        assert held["expires_at"] > "2200"
        [runner] = (await seen(engine))["children"]
        assert psutil.Process(runner).memory_info().rss > 30 * MIB

        async def told() -> bool:
            return any("llama-server started" in line for line in engine.lines)

        await engine.until(told)
        parts = memory_log.parse(engine.lines).parts["ram"]
        assert (30 * MIB, MIB // 2) == (parts[Component.WEIGHTS], parts[Component.KV])
        await backend.close(engine.http, endpoint)
        assert {"models": []} == (await engine.get("/api/ps"))[1]
        assert not psutil.pid_exists(runner)


async def test_tells_how_much_is_on_cards() -> None:
    """All, a part or nothing of the model, as Ollama has loaded it; of a model that is not loaded nothing is told."""
    async with served(load_bytes=30 * MIB) as (backend, engine):
        endpoint = engine.launch.endpoint
        assert await backend.card_share(engine.http, endpoint) is None
        await backend.open(engine.http, endpoint)
        for share in (0, 0.5, 1):
            await engine.ask({"on_card": share}, "/_script")
            assert share == pytest.approx(await backend.card_share(engine.http, endpoint), abs=0.01)


async def test_a_model_that_only_embeds_is_loaded_and_stays() -> None:
    """Ollama generates nothing with it, not even nothing, which is how others are loaded."""
    async with served(capabilities=["embedding"]) as (backend, engine):
        endpoint = engine.launch.endpoint
        await backend.open(engine.http, endpoint)
        [held] = (await engine.get("/api/ps"))[1]["models"]
        assert ("q:9b", True) == (held["model"], held["expires_at"] > "2200")
        status, answer = await engine.ask({"model": "q:9b", "input": "hi"}, "/v1/embeddings")
        assert (200, 8) == (status, len(answer["data"][0]["embedding"]))
        await backend.close(engine.http, endpoint)
        assert {"models": []} == (await engine.get("/api/ps"))[1]


async def test_layers_are_asked_for_where_the_plan_counts_them() -> None:
    """Later requests, which name none, do not make it load again."""
    backend, launch = launched(option=LoadOption(0, "q", gpu_layers=7))
    async with running(launch) as engine:
        await backend.open(engine.http, launch.endpoint)
        assert {"num_gpu": 7} == json.loads((await seen(engine))["requests"][-1]["body"])["options"]


@pytest.mark.parametrize(
    "kind", [ExitClass.OUT_OF_MEMORY, ExitClass.MISSING_FILE, ExitClass.DRIVER, ExitClass.BAD_FLAG]
)
async def test_a_load_that_fails_says_why(kind: ExitClass) -> None:
    """The server runs on, so its answer is all that the class can be read from."""
    async with served(load_fails=kind.value) as (backend, engine):
        with pytest.raises(
            EngineError, match="Ollama could not load q:9b: llama-server process has terminated"
        ) as caught:
            await backend.open(engine.http, engine.launch.endpoint)
    assert kind == caught.value.exit_class


async def test_what_a_store_lost_can_be_pulled(store: Path) -> None:
    """It may have ended between the check and the load."""
    async with served() as (backend, engine):
        (store / "manifests/registry.ollama.ai/library/q/9b").unlink()
        with pytest.raises(EngineError, match="Ollama does not have q:9b; run: hostd pull ollama:q:9b") as caught:
            await backend.open(engine.http, engine.launch.endpoint)
    assert ExitClass.MISSING_FILE == caught.value.exit_class


async def test_a_server_that_is_gone_is_no_riddle() -> None:
    """Neither opening nor closing hangs or raises anything else."""
    backend, launch = launched()
    async with client() as http:
        with pytest.raises(EngineError, match="does not answer"):
            await backend.open(http, launch.endpoint)
        await backend.close(http, launch.endpoint)


async def test_a_model_of_the_clouds_is_refused_by_its_own_description(store: Path) -> None:
    """A copy can have any name; what Ollama tells of it has the address that its prompts would go to."""
    put_model(store, "far:1")
    async with served() as (_, engine), adopted(engine, "far:1") as (backend, launch):
        with pytest.raises(
            EngineError, match=r"not run by this machine but by https://ollama\.com; choose another tag"
        ):
            await backend.open(engine.http, launch.endpoint)
        assert {"models": []} == (await engine.get("/api/ps"))[1]


async def test_an_adopted_server_unloads_what_was_loaded_for_us_only() -> None:
    """A model that another client had loaded is left to Ollama's own time limit."""
    async with served() as (_, engine), adopted(engine) as (backend, launch):
        assert "/api/version" == launch.health
        await backend.open(engine.http, launch.endpoint)
        await backend.close(engine.http, launch.endpoint)
        assert {"models": []} == (await engine.get("/api/ps"))[1]
        await engine.ask({"model": "q:9b", "messages": [{"role": "user", "content": "hello"}]})
        await backend.open(engine.http, launch.endpoint)
        await backend.close(engine.http, launch.endpoint)
        [held] = (await engine.get("/api/ps"))[1]["models"]
        assert ("q:9b", "5m") == (held["model"], json.loads((await seen(engine))["requests"][-1]["body"])["keep_alive"])


async def test_it_tells_what_it_can_do() -> None:
    """Version, context, tools and what else it has, in the words of the contract."""
    async with served(capabilities=["completion", "tools", "vision"], loads_less=1024) as (backend, engine):
        endpoint = engine.launch.endpoint
        await backend.open(engine.http, endpoint)
        facts = await backend.describe(engine.http, endpoint)
        assert ("0.32.15", 1024, True, True, False) == (
            facts.version,
            facts.context,
            facts.tools,
            facts.vision,
            facts.embeddings,
        )
        assert ("other:latest", "q:9b") == facts.models


@pytest.mark.parametrize(("family", "slots"), [("llama", None), ("qwen35", 1)])
async def test_some_families_have_one_slot(family: str, slots: int | None) -> None:
    """Ollama runs them one request at a time, whatever it is told; of others it says nothing."""
    async with served(family=family) as (backend, engine):
        assert slots == (await backend.describe(engine.http, engine.launch.endpoint)).slots


async def test_requests_are_served_by_its_openai_routes() -> None:
    """As adapted: the tag, and no word that it would not understand; it does not load again for them."""
    async with served() as (backend, engine):
        endpoint = engine.launch.endpoint
        await backend.open(engine.http, endpoint)
        [runner] = (await seen(engine))["children"]
        body = {"model": "mine", "messages": [{"role": "developer", "content": "hi"}], "max_completion_tokens": 3}
        adapted = backend.adapt(endpoint, body)
        assert {
            "model": "q:9b",
            "messages": [{"role": "system", "content": "hi"}],
            "max_tokens": 3,
        } == adapted
        status, answer = await engine.ask(adapted or {}, CHAT)
        assert (200, "w0 w1 w2 ", "length") == (
            status,
            answer["choices"][0]["message"]["content"],
            answer["choices"][0]["finish_reason"],
        )
        assert [runner] == (await seen(engine))["children"]
        assert await backend.progress(engine.http, endpoint) is None


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"tools": [1], "tool_choice": "none"}, {"tool_choice": "none"}),
        ({"tools": [1], "tool_choice": "auto"}, {"tools": [1], "tool_choice": "auto"}),
        ({"prompt": ["a"]}, {"prompt": "a"}),
        ({"prompt": ["a", "b"]}, {"prompt": ["a", "b"]}),
        ({"input": "a b"}, {"input": "a b"}),
    ],
)
def test_what_it_does_not_know_is_said_otherwise(body: dict[str, Any], sent: dict[str, Any]) -> None:
    """What has no other word for it is left to its own refusal."""
    backend, launch = launched(replace(PROFILE, context=None))
    assert {"model": "q:9b", **sent} == backend.adapt(launch.endpoint, {"model": "mine", **body})


def test_an_answer_ends_where_the_context_does() -> None:
    """Else Ollama would drop the beginning and go on; what is certainly too long is not even sent."""
    backend, launch = launched(replace(PROFILE, context=10))
    for asked, sent in ((None, 7), (100, 7), (4, 4), (-1, 7)):
        body = {"prompt": "one two three"} | ({} if asked is None else {"max_tokens": asked})
        adapted = backend.adapt(launch.endpoint, body)
        assert adapted is not None
        assert sent == adapted["max_tokens"]
    with pytest.raises(RequestError, match="at least 11 tokens and the model's context is 10") as caught:
        backend.adapt(launch.endpoint, {"prompt": "word " * 11})
    assert "context_length_exceeded" == caught.value.code


async def test_what_it_would_cut_it_is_asked_about() -> None:
    """Left alone it answers as if nothing were missing; asked, it refuses, and reads nothing twice."""
    long = {"model": "mine", "messages": [{"role": "user", "content": "antidisestablishmentarianism" * 500}]}
    async with served() as (backend, engine):
        endpoint = engine.launch.endpoint
        await backend.open(engine.http, endpoint)
        adapted = backend.adapt(endpoint, long)
        assert adapted is not None
        status, answer = await engine.ask(adapted)
        assert (200, 1026) == (status, answer["usage"]["prompt_tokens"])
        with pytest.raises(RequestError, match="more tokens than that") as caught:
            await backend.ensure_fits(engine.http, endpoint, adapted)
        assert "context_length_exceeded" == caught.value.code
        begun = (await seen(engine))["begun"]
        await backend.ensure_fits(
            engine.http, endpoint, {"model": "q:9b", "messages": [{"role": "user", "content": "a"}]}
        )
        assert begun == (await seen(engine))["begun"]


def test_the_end_of_the_server_itself_is_understood() -> None:
    """Ollama's own words, and those of the llama-server below it."""
    classify = Ollama().classify
    assert ExitClass.PORT_TAKEN == classify(1, ("Error: listen tcp 127.0.0.1:1: bind: address already in use",))
    assert ExitClass.OUT_OF_MEMORY == classify(1, ("model requires more system memory (9.1 GiB) than is available",))
    assert ExitClass.UNKNOWN == classify(1, ("Error: something else",))
    assert ExitClass.UNKNOWN == classify(0, ())
