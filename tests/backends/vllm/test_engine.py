"""How vLLM is found, launched and asked, with the real one where it is installed."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from hostd.backends import checkpoint_folder
from hostd.backends.contract import Endpoint, Launch
from hostd.backends.vllm import engine as vllm
from hostd.backends.vllm import memory
from hostd.backends.vllm.build import VllmBuild
from hostd.backends.vllm.engine import LAUNCHERS, MIDDLEWARE, Vllm
from hostd.dialects.context_errors import is_too_long
from hostd.domain.errors import EngineError
from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Capabilities, KvSettings, Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.footprint.vllm import footprint
from hostd.planning.warm_set.elastic import with_shares
from hostd.planning.warm_set.load_option import LoadOption
from tests.backends.running import Running, asked, free_port, installed, needs, running
from tests.counting_model import counted, write_counting_model
from tests.http_client import client

PYTHON = installed("vllm", "HOSTD_TEST_VLLM")
FLAGS = frozenset(
    {
        *("host", "port", "served-model-name", "max-model-len", "max-num-seqs", "tensor-parallel-size", "middleware"),
        *("kv-cache-memory-bytes", "disable-uvicorn-access-log", "enable-sleep-mode", "enforce-eager", "runner"),
        *("kv-cache-dtype", "seed", "enable-prefix-caching", "tool-call-parser"),
    }
)
ON_CARDS = VllmBuild("0.33.0", on_processor=False, flags=FLAGS)
TWO_CARDS = LoadOption(0, "m", Placement.on("cuda:0", "cuda:1"), needs={"cuda:0": 8 << 30, "cuda:1": 8 << 30})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that counts, for prompts and answers of 4096 tokens."""
    return write_counting_model(tmp_path_factory.mktemp("models") / "counting", 4096)


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> VllmBuild:
    """A vLLM for cards, whatever is installed."""
    monkeypatch.setattr(vllm, "build_of", lambda _: ON_CARDS)
    return ON_CARDS


def launched(folder: Path, profile: Profile, option: LoadOption | None = None, **variant: Any) -> Launch:
    """Return how the engine is started on *folder*."""
    backend = Vllm((PYTHON or sys.executable,))
    return backend.launch(profile, Variant("vllm", path=str(folder), **variant), option, free_port(), "sekret")


def flags(launch: Launch) -> dict[str, str]:
    """Return the flags of *launch* by name; those without a value have an empty one."""
    words = launch.argv[launch.argv.index("serve") + 2 :]
    following = (*words[1:], "--")
    return {
        word.removeprefix("--"): "" if after.startswith("--") else after
        for word, after in zip(words, following, strict=True)
        if word.startswith("--")
    }


def test_the_guard_can_be_imported_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """VLLM imports it from the folder that is put on its path; under a wrong name no engine would start."""
    monkeypatch.syspath_prepend(str(LAUNCHERS))
    module, _, name = MIDDLEWARE.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_the_plan_decides_on_cards_cache_and_requests(model: Path, build: VllmBuild) -> None:
    """Two cards, cache for all slots, and sleep where it gives memory back."""
    launch = launched(model, Profile("tiny", (), context=2048, slots=4), TWO_CARDS)
    seen = flags(launch)
    assert ("2", "4", "2048", "tiny", "", MIDDLEWARE) == (
        seen["tensor-parallel-size"],
        seen["max-num-seqs"],
        seen["max-model-len"],
        seen["served-model-name"],
        seen["enable-sleep-mode"],
        seen["middleware"],
    )
    assert 4 * 2048 * 256 <= int(seen["kv-cache-memory-bytes"]) <= 4 << 20
    assert ("0,1", "PCI_BUS_ID", "1") == (
        launch.env["CUDA_VISIBLE_DEVICES"],
        launch.env["CUDA_DEVICE_ORDER"],
        launch.env["VLLM_SERVER_DEV_MODE"],
    )
    assert ((1, 2), True, 4, True) == (
        launch.sleep_levels,
        launch.exclusive_start,
        launch.slots,
        launch.endpoint.strict_model,
    )


def test_without_a_choice_the_engine_takes_what_it_wants_and_does_not_sleep(model: Path, build: VllmBuild) -> None:
    """Its memory is not counted there, so it could not be seen to shrink."""
    launch = launched(model, Profile("tiny", ()), tensor_parallel=2)
    assert "2" == flags(launch)["tensor-parallel-size"]
    assert {"kv-cache-memory-bytes", "enable-sleep-mode", "max-model-len"}.isdisjoint(flags(launch))
    assert ((), True) == (launch.sleep_levels, "VLLM_SERVER_DEV_MODE" not in launch.env)


def test_on_a_processor_the_cache_is_bounded_and_sleep_is_not_believed(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself it would take nearly all of the memory; its sleep gives none back."""
    monkeypatch.setattr(vllm, "build_of", lambda _: replace(ON_CARDS, version="0.32.0+cpu", on_processor=True))
    launch = launched(model, Profile("tiny", (), context=2048), LoadOption(0, "m", needs={"ram": 4 << 30}))
    assert {"kv-cache-memory-bytes": "2097152", "enforce-eager": ""}.items() <= flags(launch).items()
    assert ((), True) == (launch.sleep_levels, "CUDA_VISIBLE_DEVICES" not in launch.env)
    compiled = launched(model, Profile("tiny", (), args={"enforce-eager": False}))
    assert "no-enforce-eager" in flags(compiled)


KEEPING = FLAGS | {"kv-offloading-size", "kv-offloading-backend", "disable-hybrid-kv-cache-manager"}


def keeping_option(profile: Profile, folder: Path, free: int) -> LoadOption:
    """Return how *profile* is loaded on one card beside *free* bytes of main memory."""
    card = Pool("cuda:0", PoolKind.VRAM, "", 8 << 30, 8 << 30, 8 << 30)
    found = footprint(checkpoint_folder.shape(folder), memory.serving(profile), [card])
    needs = {pool: found.pool(pool).high for pool in found.parts}
    return with_shares(
        LoadOption(0, "m", Placement.on("cuda:0"), needs=needs, elastic=found.elastic), {"cuda:0": 8 << 30, "ram": free}
    )


@pytest.mark.parametrize(("free", "told"), [(0, None), (2 << 30, "2"), (64 << 30, "8")])
def test_keeps_past_prompts_in_what_the_plan_gives_them(
    model: Path, monkeypatch: pytest.MonkeyPatch, free: int, told: str | None
) -> None:
    """The size is the ledger's share, to the byte; without any, or unless the owner wants it, the engine gets no such flag."""
    monkeypatch.setattr(vllm, "build_of", lambda _: replace(ON_CARDS, flags=KEEPING))
    # 256 bytes a token, 4096 tokens a request.
    profile = Profile("tiny", (), context=4096, slots=4096, kv=KvSettings(save=True))
    option = keeping_option(profile, model, free)
    seen = flags(launched(model, profile, option))
    assert told == seen.get("kv-offloading-size")
    assert option.share_bytes.get("ram", 0) == int(told or 0) << 30
    assert (told is not None) is ({"enable-prefix-caching", "disable-hybrid-kv-cache-manager"} <= seen.keys())
    assert ("native" if told else None) == seen.get("kv-offloading-backend")
    assert "kv-offloading-size" not in flags(launched(model, replace(profile, kv=KvSettings()), option))


@pytest.mark.parametrize(
    ("args", "left_out"),
    [
        ({"kv-offloading-size": 3}, frozenset()),
        ({"kv-transfer-config": "{}"}, frozenset()),
        ({"enable-prefix-caching": False}, frozenset()),
        ({}, {"kv-offloading-size"}),
    ],
)
def test_the_owners_own_flags_and_older_builds_keep_prompts_without_hostd(
    model: Path, monkeypatch: pytest.MonkeyPatch, args: dict[str, Any], left_out: frozenset[str]
) -> None:
    """Or do not; nothing of hostd's comes beside them."""
    known = (KEEPING | {"kv-transfer-config"}) - left_out
    monkeypatch.setattr(vllm, "build_of", lambda _: replace(ON_CARDS, flags=known))
    profile = Profile("tiny", (), context=4096, slots=4096, args=args, kv=KvSettings(save=True))
    option = keeping_option(replace(profile, args={}), model, 64 << 30)
    assert option.share_bytes["ram"]
    seen = flags(launched(model, profile, option))
    assert {"kv-offloading-backend", "disable-hybrid-kv-cache-manager", "enable-prefix-caching"}.isdisjoint(seen)
    assert str(args.get("kv-offloading-size", "")) == seen.get("kv-offloading-size", "")


def test_a_build_is_told_by_the_flags_that_it_knows(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does without the switch for several kinds of cache is not given it."""
    monkeypatch.setattr(vllm, "build_of", lambda _: replace(ON_CARDS, flags=FLAGS | {"kv-offloading-size"}))
    profile = Profile("tiny", (), context=4096, slots=4096, kv=KvSettings(save=True))
    seen = flags(launched(model, profile, keeping_option(profile, model, 64 << 30)))
    assert {"kv-offloading-size", "enable-prefix-caching"} <= seen.keys()
    assert {"kv-offloading-backend", "disable-hybrid-kv-cache-manager"}.isdisjoint(seen)


def test_what_a_build_does_not_know_is_left_out(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hostd wishes for, at least; without its guard the engine does not get the routes that put it to sleep."""
    old = VllmBuild("0.9.0+cpu", on_processor=True, flags=FLAGS - {"middleware", "kv-cache-memory-bytes"})
    monkeypatch.setattr(vllm, "build_of", lambda _: old)
    launch = launched(model, Profile("tiny", (), context=2048), TWO_CARDS)
    assert {"middleware", "kv-cache-memory-bytes"}.isdisjoint(flags(launch))
    assert ((), "1") == (launch.sleep_levels, launch.env["VLLM_CPU_KVCACHE_SPACE"])


def test_the_launch_holds_no_secret_and_sends_no_statistics(
    model: Path, build: VllmBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is in the environment; the owner's own settings for exchanging between cards come along."""
    monkeypatch.setenv("NCCL_P2P_DISABLE", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    launch = launched(model, Profile("tiny", (), args={"seed": 7, "enable-prefix-caching": False}), TWO_CARDS)
    assert "sekret" not in " ".join(launch.argv)
    assert "HF_TOKEN" not in launch.env
    assert ("sekret", "1", "1", "1") == tuple(
        launch.env[name] for name in ("VLLM_API_KEY", "VLLM_NO_USAGE_STATS", "HF_HUB_OFFLINE", "NCCL_P2P_DISABLE")
    )
    assert {"seed": "7", "no-enable-prefix-caching": ""}.items() <= flags(launch).items()
    assert "pooling" == flags(launched(model, Profile("m", (), capabilities=Capabilities(embeddings=True))))["runner"]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"max-model-len": 1}, "the profile's context decides that"),
        ({"tensor-parallel-size": 2}, "the variant's tensor_parallel decides that"),
        ({"enable-log-requests": True}, "hostd decides that"),
        ({"frobnicate": 1}, r"this vLLM \(0\.33\.0\) does not know --frobnicate"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    model: Path, build: VllmBuild, args: dict[str, Any], why: str
) -> None:
    """Because the program itself would take ten seconds to reject it."""
    with pytest.raises(EngineError, match=why) as caught:
        Vllm((sys.executable,)).check(Profile("m", (), args=args), Variant("vllm", path=str(model)), None)
    assert ExitClass.BAD_FLAG == caught.value.exit_class


def test_the_program_comes_from_the_command_or_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python stands for the vLLM in it, and ``serve`` may be said or not."""
    script = tmp_path / "vllm"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    assert (str(script),) == vllm.locate((str(script),)) == vllm.locate((str(script), "serve"))
    assert (sys.executable, "-m", vllm.MODULE) == vllm.locate((sys.executable,))
    assert (sys.executable, "engine.py") == vllm.locate((sys.executable, "engine.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (str(script),) == vllm.locate(())
    with pytest.raises(EngineError, match=r"correct backends\.vllm\.command"):
        vllm.locate(("no-such-program",))
    script.unlink()
    with pytest.raises(EngineError, match=r"pip install 'hostd\[vllm\]'"):
        vllm.locate(())


def test_variants_are_taken_where_their_weights_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is believed until the load; a repository must have been pulled."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert Vllm().accepts(Variant("vllm", path="/anywhere")) is None
    assert "hostd pull hf:org/m" in str(Vllm().accepts(Variant("vllm", hf="org/m")))
    assert "is not vllm" in str(Vllm().accepts(Variant("mlx", path="/anywhere")))


def test_requests_carry_the_one_name() -> None:
    """Under any other it answers 404."""
    endpoint = Endpoint("http://127.0.0.1:1", "tiny", strict_model=True)
    assert {"model": "tiny", "n": 1} == Vllm().adapt(endpoint, {"model": "planner", "n": 1})
    assert Vllm().adapt(endpoint, {"model": "tiny"}) is None


class Scripted:
    """A server with vLLM's routes for sleep and numbers, that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asleep = False
        self.obeys = True
        self.steps = 0
        self.turns = True

    async def tell(self, request: web.Request) -> web.Response:
        """Take an order."""
        body = await request.text()
        self.told.append(f"{request.path_qs} {body}".strip())
        if request.path == "/sleep":
            self.asleep = self.obeys
        elif request.path == "/wake_up" and request.query.get("tags") != "weights":
            self.asleep = not self.obeys
        return web.Response(status=200 if self.obeys or "rpc" not in request.path else 500)

    async def ask(self, request: web.Request) -> web.Response:
        """Answer a question."""
        if request.path == "/is_sleeping":
            return web.json_response({"is_sleeping": self.asleep})
        self.steps += self.turns
        labels = '{engine="0",model_name="tiny"}'
        lines = [
            f"vllm:num_requests_running{labels} 2.0",
            f"vllm:num_requests_waiting{labels} 1.0",
            f"vllm:iteration_tokens_total_count{labels} {self.steps}.0",
        ]
        return web.Response(text="\n".join(lines))


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[tuple[Scripted, Endpoint]]:
    """A scripted server, running."""
    server, app = Scripted(), web.Application()
    app.router.add_route("POST", "/{path:.*}", server.tell)
    app.router.add_route("GET", "/{path:.*}", server.ask)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield server, Endpoint(f"http://127.0.0.1:{port}", "tiny")
    await runner.cleanup()


async def test_dropped_weights_are_read_again(scripted: tuple[Scripted, Endpoint]) -> None:
    """After a light sleep waking is one word; after a deep one the weights come before the cache."""
    server, endpoint = scripted
    backend = Vllm()
    async with client() as http:
        await backend.sleep(http, endpoint, 1)
        await backend.wake(http, endpoint)
        await backend.sleep(http, endpoint, 2)
        await backend.wake(http, endpoint)
        await backend.sleep(http, endpoint, 1)
        await backend.wake(http, endpoint)
    assert [
        "/sleep?level=1",
        "/wake_up",
        "/sleep?level=2",
        "/wake_up?tags=weights",
        '/collective_rpc {"method": "reload_weights"}',
        "/wake_up?tags=kv_cache",
        "/sleep?level=1",
        "/wake_up",
    ] == server.told


async def test_an_engine_that_does_not_sleep_is_not_believed(scripted: tuple[Scripted, Endpoint]) -> None:
    """Whether it refuses, or only reports success, or has ended."""
    server, endpoint = scripted
    server.obeys = False
    backend = Vllm()
    async with client() as http:
        with pytest.raises(EngineError, match="told to sleep, and says that it does not"):
            await backend.sleep(http, endpoint, 1)
        server.asleep = True
        with pytest.raises(EngineError, match="told to wake, and says that it sleeps"):
            await backend.wake(http, endpoint)
        server.obeys = True
        await backend.sleep(http, endpoint, 2)
        server.obeys = False
        with pytest.raises(EngineError, match="answered /collective_rpc with status 500"):
            await backend.wake(http, endpoint)
        with pytest.raises(EngineError, match="did not answer /sleep"):
            await backend.sleep(http, Endpoint(f"http://127.0.0.1:{free_port()}", "tiny"), 1)


async def test_an_engine_without_progress_does_not_turn(scripted: tuple[Scripted, Endpoint]) -> None:
    """The server answers for a computing process that hangs, but its steps do not move on."""
    server, endpoint = scripted
    async with client() as http:
        found = await Vllm().progress(http, endpoint)
        assert found is not None
        assert (2, 1) == (len(found.slots), found.waiting)
        assert await Vllm().turns(http, endpoint)
        server.turns = False
        assert not await Vllm().turns(http, endpoint)
        assert await Vllm().progress(http, Endpoint(f"http://127.0.0.1:{free_port()}", "tiny")) is None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real_one(model: Path) -> AsyncIterator[Running]:
    """A real vLLM, which takes half a minute to start, with the routes that its build for cards has."""
    launch = launched(model, Profile("tiny", (), context=4096, slots=2))
    async with running(replace(launch, env={**launch.env, "VLLM_SERVER_DEV_MODE": "1"}), seconds=180.0) as engine:
        yield engine


real = needs(PYTHON, "vllm")


@real
@pytest.mark.asyncio(loop_scope="module")
async def test_a_real_engine_serves_one_name_to_one_key(real_one: Running) -> None:
    """No route is open to strangers, those that put it to sleep included; it tells what it is."""
    status, said = await real_one.ask(asked(model="tiny"))
    assert (200, counted(5)) == (status, said["choices"][0]["message"]["content"])
    for path in ("/health", "/metrics", "/is_sleeping", "/v1/models", "/docs"):
        assert 401 == (await real_one.get(path, Authorization="Bearer wrong"))[0]
    status, _ = await real_one.ask({}, "/sleep?level=1", Authorization="Bearer wrong")
    assert 401 == status
    backend = Vllm()
    facts = await backend.describe(real_one.http, real_one.launch.endpoint)
    assert (4096, ("tiny",), True) == (facts.context, facts.models, bool(facts.version))


@real
@pytest.mark.asyncio(loop_scope="module")
async def test_a_real_engine_refuses_what_is_too_long(real_one: Running) -> None:
    """In words that are recognised, for prompts short and huge, and for answers."""
    for body in (asked("hello " * 1000), asked("hello " * 50_000, stream=True), asked(max_tokens=10_000)):
        status, said = await real_one.ask({**body, "model": "tiny"})
        assert is_too_long(status, said["error"]["message"]), said


@real
@pytest.mark.asyncio(loop_scope="module")
async def test_a_real_engine_reports_requests_and_sleeps(real_one: Running) -> None:
    """An answer in the making is seen; sleep and wake go through, though on a processor they are a pretence."""
    backend, endpoint = Vllm(), real_one.launch.endpoint
    waiting = asyncio.create_task(real_one.ask(asked(model="tiny", max_tokens=4000, ignore_eos=True)))
    try:
        await real_one.until(lambda: backend.turns(real_one.http, endpoint))
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    async def at_rest() -> bool:
        found = await backend.progress(real_one.http, endpoint)
        return found is not None and found.is_idle

    await real_one.until(at_rest)
    for level in (1, 2):
        await backend.sleep(real_one.http, endpoint, level)
        await backend.wake(real_one.http, endpoint)
        status, said = await real_one.ask(asked(model="tiny"))
        assert (200, counted(5)) == (status, said["choices"][0]["message"]["content"])
