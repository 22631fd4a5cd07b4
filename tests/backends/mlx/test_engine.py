"""How MLX is found, launched and asked, with the real mlx-lm where it is installed."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from hostd.backends.contract import Endpoint, Launch
from hostd.backends.mlx.engine import Mlx
from hostd.domain.errors import EngineError
from hostd.domain.profile import Capabilities, Profile, Variant
from hostd.domain.progress import EngineProgress
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from tests.backends.running import asked, died, free_port, installed, needs, running
from tests.counting_model import counted, write_counting_model
from tests.http_client import client

PYTHON = installed("mlx", "HOSTD_TEST_MLX")
real = needs(PYTHON, "mlx-lm")
ENDPOINT = Endpoint("http://127.0.0.1:1", "m")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that counts, for prompts and answers of 4096 tokens."""
    return write_counting_model(tmp_path_factory.mktemp("models") / "counting", 4096)


def launched(folder: Path, profile: Profile, option: LoadOption | None = None, port: int | None = None) -> Launch:
    """Return how the engine is started on *folder*."""
    backend = Mlx((PYTHON or sys.executable,))
    return backend.launch(profile, Variant("mlx", path=str(folder)), option, port or free_port(), "sekret")


def test_a_quantised_cache_serves_one_at_a_time(model: Path) -> None:
    """mlx-lm cannot batch it, and the scheduler must know."""
    launch = launched(model, Profile("m", (), slots=4, kv_type="q8_0"))
    words = dict(zip(launch.argv, launch.argv[1:], strict=False))
    assert ("8", "1", 1) == (words["--kv-bits"], words["--decode-concurrency"], launch.slots)


def test_the_launch_holds_no_secret_and_sends_no_statistics(model: Path) -> None:
    """The key is in the environment, which also keeps the engine off the hub; what it may hold is what was planned."""
    option = LoadOption(0, "m", needs={"metal": 5 << 30, "ram": 1 << 30})
    launch = launched(model, Profile("m", (), args={"temp": 0.5, "trust-remote-code": True, "pipeline": False}), option)
    assert "sekret" not in " ".join(launch.argv)
    assert ("sekret", "1") == (launch.env["HOSTD_ENGINE_KEY"], launch.env["HF_HUB_OFFLINE"])
    assert str(6 << 30) == launch.argv[launch.argv.index("--memory-limit") + 1]
    assert ("--temp", "0.5", "--trust-remote-code") == launch.argv[-3:]
    assert (model / "model.safetensors").stat().st_size == launch.expected_bytes


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (Profile("m", (), args={"model": "/x"}), "args may not hold 'model': the variant decides that"),
        (Profile("m", (), args={"log-level": "DEBUG"}), "args may not hold 'log-level'"),
        (Profile("m", (), args={"prefill-step-size": "big"}), "prefill-step-size takes a whole number"),
        (Profile("m", (), args={"kv-bits": 7}), "2, 3, 4, 5, 6 or 8 bits"),
        (Profile("m", (), kv_type="q5_1"), "not as q5_1; change kv_type"),
        (Profile("m", (), capabilities=Capabilities(embeddings=True)), "no route for capability 'embeddings'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(model: Path, profile: Profile, why: str) -> None:
    """As the owner's to mend."""
    with pytest.raises(EngineError, match=why) as caught:
        Mlx((sys.executable,)).check(profile, Variant("mlx", path=str(model)), None)
    assert ExitClass.BAD_FLAG == caught.value.exit_class


def test_variants_are_taken_where_their_weights_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is believed until the load; a repository must have been pulled."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert Mlx().accepts(Variant("mlx", path="/anywhere")) is None
    assert "hostd pull hf:org/m" in str(Mlx().accepts(Variant("mlx", hf="org/m")))
    assert "is not mlx" in str(Mlx().accepts(Variant("vllm", path="/anywhere")))


def test_what_the_server_would_refuse_is_rewritten() -> None:
    """A null is a field that is not given, a developer is a system; the rest passes unchanged."""
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert {"messages": [{"role": "system", "content": "Be brief."}, messages[1]], "n": 1} == Mlx().adapt(
        ENDPOINT, {"messages": messages, "n": 1, "seed": None}
    )
    assert {"messages": messages[1:]} == Mlx().adapt(ENDPOINT, {"messages": messages[1:], "stop": None})
    assert Mlx().adapt(ENDPOINT, {"messages": messages[1:]}) is None


async def test_a_server_that_ended_reports_nothing() -> None:
    """Neither its slots nor itself."""
    backend, gone = Mlx(), Endpoint(f"http://127.0.0.1:{free_port()}", "m")
    async with client() as http:
        assert await backend.progress(http, gone) is None
        assert (None, ()) == ((await backend.describe(http, gone)).version, (await backend.describe(http, gone)).models)


@real
async def test_a_real_engine_serves_one_model_under_one_name_to_one_key(model: Path) -> None:
    """Whatever a request names, no folder and no hub is touched; strangers and web pages are kept out."""
    async with running(launched(model, Profile("tiny", (), context=64, slots=2))) as engine:
        status, said = await engine.ask(asked(model="/etc", adapters="/x", draft_model="y"))
        assert (200, "tiny", counted(5).strip()) == (
            status,
            said["model"],
            said["choices"][0]["message"]["content"].strip(),
        )
        assert ["tiny"] == [entry["id"] for entry in (await engine.get("/v1/models"))[1]["data"]]
        for path in ("/health", "/v1/models", "/hostd/slots"):
            assert 401 == (await engine.get(path, Authorization="Bearer wrong"))[0]
        status, said = await engine.ask(asked(), Authorization="Bearer wrong")
        assert (401, "invalid_api_key") == (status, said["error"]["code"])
        assert 404 == (await engine.get("/docs"))[0]
        facts = await Mlx().describe(engine.http, engine.launch.endpoint)
        assert (64, 2, False, False, ("tiny",)) == (facts.context, facts.slots, facts.vision, facts.tools, facts.models)
        assert facts.version


@real
async def test_a_real_engine_refuses_what_is_too_long_in_openais_words(model: Path) -> None:
    """Counted exactly, or, where it is too long for certain, not at all; an answer ends at the context."""
    async with running(launched(model, Profile("tiny", (), context=64))) as engine:
        for text in ("hello " * 40, "hello " * 20_000):
            status, said = await engine.ask(asked(text, stream=True))
            assert (400, "context_length_exceeded") == (status, said["error"]["code"])
        status, said = await engine.ask(asked(max_tokens=10_000))
        assert ("length", 64) == (said["choices"][0]["finish_reason"], said["usage"]["total_tokens"])
        status, said = await engine.ask({**asked(), "max_tokens": 0})
        assert 400 == status


@real
async def test_a_real_engine_stops_when_its_client_hangs_up(model: Path) -> None:
    """In a stream and in an answer that is made in one piece; until then its tokens can be counted."""
    backend = Mlx()
    async with running(launched(model, Profile("tiny", (), slots=2))) as engine:

        async def found() -> EngineProgress | None:
            return await backend.progress(engine.http, engine.launch.endpoint)

        async def idle() -> bool:
            return await found() == EngineProgress()

        async def busy() -> bool:
            report = await found()
            return report is not None and any(slot.decoded for slot in report.slots)

        for stream in (False, True):
            waiting = asyncio.create_task(engine.ask(asked(max_tokens=4000, stream=stream)))
            await engine.until(busy)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await engine.until(idle, 3.0)


@real
async def test_a_real_engine_over_its_memory_refuses_rather_than_grows(model: Path) -> None:
    """With status 503, which makes the request fall back."""
    option = LoadOption(0, "m", needs={"ram": 1})
    async with running(launched(model, Profile("tiny", (), slots=2), option)) as engine:
        status, said = await engine.ask(asked())
        assert (503, "out_of_memory") == (status, said["error"]["code"])


@pytest.mark.slow
@real
async def test_a_real_engine_that_cannot_load_ends(model: Path, tmp_path: Path) -> None:
    """By itself the server would stay up for ever; each death has its meaning."""
    unknown = write_counting_model(tmp_path / "unknown")
    config = (unknown / "config.json").read_text("utf-8")
    (unknown / "config.json").write_text(config.replace('"llama"', '"frob"'), encoding="utf-8")
    half = write_counting_model(tmp_path / "half")
    (half / "config.json").write_text(config.replace('layers": 2', 'layers": 3'), encoding="utf-8")
    misspelt = Profile("tiny", (), args={"frobnicate": 1})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for folder, profile, port, meaning in (
            (unknown, Profile("tiny", ()), free_port(), ExitClass.MISSING_FILE),
            (half, Profile("tiny", ()), free_port(), ExitClass.MISSING_FILE),
            (model, misspelt, free_port(), ExitClass.BAD_FLAG),
            (model, Profile("tiny", ()), taken.getsockname()[1], ExitClass.PORT_TAKEN),
        ):
            launch = launched(folder, profile, port=port)
            status, tail = await died(launch)
            assert (meaning, True) == (Mlx().classify(status, tail), status in (1, 2)), tail
