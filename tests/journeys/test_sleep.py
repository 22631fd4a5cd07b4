"""Sleep through the whole daemon: an engine that gives its memory back stays, one that only says so is stopped.

No engine on a CPU really sleeps, so a scripted vLLM with memory of its own stands in, and a backend offers its levels of sleep.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostd import assembly
from hostd.backends.contract import Backend, Launch
from hostd.backends.registry import backends
from hostd.backends.vllm.engine import Vllm
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile, Settings, Variant, WarmSettings
from hostd.planning.warm_set.load_option import LoadOption
from hostd.supervisor import engine_sleep
from tests.counting_model import write_counting_model
from tests.journeys.host import all_gone, environment_for, run
from tests.stage import Stage, opened, until

ENGINE = (sys.executable, str(Path(__file__).parents[1] / "engines" / "scripted_vllm.py"))
HELD = 200 << 20
EACH = 12 << 30
"""More than vLLM is reckoned to need on a processor, and less than two of it do."""
LOADS, WAKES = 0.6, 0.05


class Napping(Vllm):
    """vLLM whose levels of sleep are offered on a CPU too."""

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return a launch that offers to sleep."""
        launch = super().launch(profile, variant, option, port, key)
        return replace(launch, sleep_levels=(1, 2), env={**launch.env, "VLLM_SERVER_DEV_MODE": "1"})


def with_naps(commands: Mapping[str, tuple[str, ...]], *more: Any) -> dict[str, Backend]:
    """Return the backends, vLLM with its levels of sleep."""
    return backends(commands, *more) | {"vllm": Napping(ENGINE)}


def sleeper(name: str, weights: Path, **script: object) -> Profile:
    """Return a model that holds real memory, loads slowly and wakes fast."""
    script = {"load_bytes": HELD, "load_seconds": LOADS, "wake_seconds": WAKES} | script
    variant = Variant("vllm", path=str(weights))
    return Profile(
        name, (variant,), context=4096, slots=2, args={"script": json.dumps(script)}, warm=WarmSettings(preload=False)
    )


@asynccontextmanager
async def small(folder: Path, fit: int, *scripts: Mapping[str, object]) -> AsyncIterator[Stage]:
    """Open a daemon with models ``a``, ``b`` ... on a machine whose memory has room for *fit* of them."""
    weights = write_counting_model(folder / "counting", 4096)
    profiles = [sleeper(name, weights, **script) for name, script in zip("abc", scripts, strict=False)]
    settings = Settings(listen=("127.0.0.1:0",), profiles={one.name: one for one in profiles})
    free = fit * EACH
    pool = Pool("ram", PoolKind.RAM, "Main memory", free, free, free)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "backends", with_naps)
        patch.setenv("STATE_DIRECTORY", str(folder / "state"))
        async with opened(settings, machine=Host("Linux", "any", free, (pool,))) as stage:
            yield stage


async def decided(stage: Stage, model: str) -> list[str]:
    """Return what was decided about *model*, oldest first."""
    told = await stage.get(f"/hostd/v1/why?last=1000&model={model}")
    return [each["decision"] for each in told.json["decisions"] if each["model"] == model]


async def asked(stage: Stage, model: str) -> float:
    """Ask *model*, and return the seconds that its load or its waking took for it."""
    answer = await stage.ask(model)
    assert (200, (model, "primary")) == (answer.status, answer.route)
    return stage.model_state(model).wake_seconds or stage.model_state(model).load_seconds or 0.0


def tree(stage: Stage, model: str) -> list[psutil.Process]:
    """Return the processes of a model's engine."""
    server = psutil.Process(stage.instance(model).pid)
    return [server, *server.children(recursive=True)]


async def test_a_model_that_sleeps_is_back_sooner_than_one_that_loads(tmp_path: Path) -> None:
    """Of two that do not fit together one sleeps, and wakes in its own process; unloaded or left asleep, none stays behind."""
    environment = environment_for(tmp_path)
    async with small(tmp_path, 1, {}, {}) as stage:
        environment["HOSTD_URL"] = stage.url
        loaded = await asked(stage, "a")
        first = tree(stage, "a")
        await asked(stage, "b")
        second = tree(stage, "b")
        listed = await asyncio.to_thread(run, environment, "ps", "--json")
        rows = {row["model"]: (row["state"], row["pid"]) for row in json.loads(listed.stdout)}
        assert {"a": ("sleeping", first[0].pid), "b": ("ready", second[0].pid)} == rows
        told = await asyncio.to_thread(run, environment, "why", "a")
        assert "'a' is put to sleep" in told.stdout
        assert await asked(stage, "a") < loaded / 2
        assert first[0].pid == stage.instance("a").pid
        assert {"load_started": 1, "slept": 1, "wake_started": 1}.items() <= Counter(await decided(stage, "a")).items()
        unloaded = await asyncio.to_thread(run, environment, "unload", "b")
        assert (0, True) == (unloaded.returncode, all_gone(second))
        await asked(stage, "b")
        assert State.SLEEPING is stage.model_state("a").state
        assert not all_gone(first)
    assert all_gone(first)


async def test_a_sleeper_that_is_killed_loads_anew(tmp_path: Path) -> None:
    """An engine that dies asleep is found by the next request, which gets its answer."""
    async with small(tmp_path, 1, {}, {}) as stage:
        await asked(stage, "a")
        engine = tree(stage, "a")
        await asked(stage, "b")
        engine[0].kill()
        await until(lambda: stage.model_state("a").state is not State.SLEEPING)
        assert all_gone(engine)
        await asked(stage, "a")


async def test_a_pretender_is_stopped_and_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that says that it sleeps and keeps its memory is ended, and the next time ended at once."""
    monkeypatch.setattr(engine_sleep, "LETS_GO", 0.5)
    async with small(tmp_path, 1, {"sleep_pretends": True}, {}) as stage:
        for _ in range(2):
            await asked(stage, "a")
            engine = tree(stage, "a")
            await asked(stage, "b")
            assert State.COLD is stage.model_state("a").state
            assert all_gone(engine)
        assert 1 == (await decided(stage, "a")).count("slept")
