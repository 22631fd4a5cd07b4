"""Models are probed once, when nobody needs them, and what is found is shown and remembered."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostd.backends.contract import Attachment
from hostd.domain.lifecycle import State
from hostd.domain.profile import Settings, WarmSettings
from hostd.scheduling.model_decisions import ModelReady
from tests.engines.scripted_cloud import Provider
from tests.faults.provoked import pair
from tests.gateway.probing.probing_stage import (
    ALL,
    CODER,
    NO,
    UNKNOWN,
    YES,
    able,
    probed,
    probing,
    questions_seen,
    verdicts,
)
from tests.stage import COLD, Stage, opened, until
from tests.virtual_time import in_virtual_time


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that all daemons of one test share."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))


@pytest.mark.asyncio
async def test_finds_what_models_can_do(weights: Path) -> None:
    """All that an able one can, and that a coder that writes its calls as text calls no tools, although it can be forced to."""
    async with probing(able("all", weights, *ALL), able("coder", weights, *CODER)) as stage:
        await probed(stage, "all", "coder")
        assert dict.fromkeys(ALL, YES) | {"embeddings": NO} == verdicts(stage, "all")
        found = verdicts(stage, "coder")
        assert (NO, NO, YES) == (found["tools"], found["parallel_tools"], found["forced_tools"])
        assert (YES, NO, NO) == (found["json_schema"], found["thinking"], found["vision"])
        await shown_everywhere(stage)
        # Neither demand nor times may be learnt from them.
        assert 0 == sum(len(stage.app.records.recorded(9)) for _ in stage.app.instances)
        assert 0 == stage.instance("all").in_flight


async def shown_everywhere(stage: Stage) -> None:
    """Check that clients and the owner are told that the coder calls no tools, the owner also why."""
    listed = (await stage.get("/v1/models/coder")).json["hostd_capabilities"]
    assert (False, True, True) == (listed["tools"], listed["forced_tools"], listed["json_schema"])
    shown = (await stage.get("/hostd/v1/models/coder")).json
    among = next(m for m in (await stage.get("/hostd/v1/models")).json["models"] if m["name"] == "coder")
    assert shown["probed"] == among["probed"]
    assert NO == shown["probed"]["tools"]["verdict"]
    assert "into its text" in shown["probed"]["tools"]["why"]
    assert shown["capabilities"]["tools"] is False
    told = (await stage.send("POST", "/api/show", json={"model": "coder"})).json
    assert "tools" not in told["capabilities"]


@pytest.mark.asyncio
async def test_a_restart_asks_nothing_again(weights: Path) -> None:
    """The same files on the same build are known, even before they are loaded; another build is probed anew."""
    async with probing(able("m", weights, *CODER)) as stage:
        await probed(stage, "m")
        found = verdicts(stage, "m")
    async with probing(able("m", weights, *CODER, warm=COLD)) as stage:
        await until(lambda: verdicts(stage, "m") == found)
        await stage.app.dispatcher.load("m")
        await asyncio.sleep(0.5)
        assert (0, found) == (questions_seen(await stage.seen("m")), verdicts(stage, "m"))
    async with probing(able("m", weights, *CODER), build="b8-two") as stage:
        await until(lambda: verdicts(stage, "m") == {})
        await probed(stage, "m")
        assert questions_seen(await stage.seen("m")) > 4


@pytest.mark.asyncio
async def test_another_file_is_another_model(weights: Path, tmp_path: Path) -> None:
    """Nothing is said of it before it was asked."""
    async with probing(able("m", weights, *ALL)) as stage:
        await probed(stage, "m")
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF" + bytes(99))
    async with probing(able("m", other, *ALL, warm=COLD)) as stage:
        await asyncio.sleep(0.3)
        assert {} == verdicts(stage, "m")


@pytest.mark.asyncio
async def test_can_be_switched_off(weights: Path) -> None:
    """Then a model is asked only when its owner wants it, and loaded for that; a second time it is asked anew."""
    async with probing(able("m", weights, *ALL, warm=WarmSettings(probe=False, preload=False))) as stage:
        await stage.app.dispatcher.load("m")
        await asyncio.sleep(0.5)
        assert (0, {}) == (questions_seen(await stage.seen("m")), verdicts(stage, "m"))
        await stage.app.dispatcher.unload("m")
        for times in (1, 2):
            answer = await stage.send("POST", "/hostd/v1/models/m/probe")
            assert (200, "m", "b7-one") == (answer.status, answer.json["model"], answer.json["build"])
            assert {YES, NO} == {found["verdict"] for found in answer.json["probed"].values()}
            assert 7 * times == questions_seen(await stage.seen("m"))
        assert {"embeddings": False} == answer.json["declared"]


@pytest.mark.asyncio
async def test_goes_on_after_an_unload(weights: Path) -> None:
    """What was found by then is kept, and only the rest is asked at the next load; the unload does not wait."""
    async with probing(able("m", weights, *ALL, script={"token_delay": 0.1}, warm=COLD)) as stage:
        await stage.app.dispatcher.load("m")
        await until(lambda: stage.instance("m").in_flight)
        await stage.script("m", first_token_delay=5)
        await asyncio.sleep(1.0)
        assert 1 == stage.instance("m").in_flight
        began = asyncio.get_running_loop().time()
        await stage.app.dispatcher.unload("m")
        assert asyncio.get_running_loop().time() - began < 3
        await until(lambda: verdicts(stage, "m"))
        known = verdicts(stage, "m")
        assert "thinking" not in known
        await stage.app.dispatcher.load("m")
        await probed(stage, "m")
        assert questions_seen(await stage.seen("m")) <= 7
        assert known.items() <= verdicts(stage, "m").items()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_question_that_kills_is_asked_once(weights: Path) -> None:
    """Its verdict is unknown, so that the engine lives after its restart."""
    dies = {"crash_after": 0, "skip": 1}
    async with probing(able("m", weights, *ALL, script=dies, warm=COLD)) as stage:
        await stage.app.dispatcher.load("m")
        await until(lambda: "tools" in verdicts(stage, "m"))
        assert UNKNOWN == verdicts(stage, "m")["tools"]
        assert "was lost" in stage.app.router.findings.of("m")["tools"].why
        assert "forced_tools" not in verdicts(stage, "m")
        # After the restart, another question is asked, and kills it again.
        await until(lambda: "forced_tools" in verdicts(stage, "m"), 30)
        assert UNKNOWN == verdicts(stage, "m")["tools"]


@pytest.mark.asyncio
async def test_gives_up_where_requests_keep_coming(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner is told to try again."""
    monkeypatch.setattr("hostd.gateway.probing.prober.PATIENCE", 0.3)
    async with probing(able("m", weights, *ALL, script={"first_token_delay": 2, "skip": 1}), quiet=None) as stage:
        stage.begin("m")
        await until(lambda: stage.model_state("m").serving)
        answer = await stage.send("POST", "/hostd/v1/models/m/probe")
        assert (503, "busy", "30") == (answer.status, answer.error["code"], answer.headers["Retry-After"])


@pytest.mark.asyncio
async def test_unknown_models_are_not_probed(weights: Path) -> None:
    """The name is that of no model; a model that does not load says so."""
    async with probing(able("m", weights), able("gone", weights.with_name("gone.gguf"), warm=COLD)) as stage:
        assert 404 == (await stage.send("POST", "/hostd/v1/models/x/probe")).status
        answer = await stage.send("POST", "/hostd/v1/models/gone/probe")
        assert (502, True) == (answer.status, "could not be loaded" in answer.error["message"])


def as_local(stage: Stage, model: str) -> None:
    """Have *model*, which a provider within this process serves, taken for one that costs nothing."""
    server = stage.instance(model).server
    assert server is not None
    assert isinstance(server.launch, Attachment)
    server.launch = replace(server.launch, metered=False, endpoint=replace(server.launch.endpoint, local=True))


async def answered_after(stage: Stage, model: str) -> float:
    """Return how many seconds an answer of *model* takes."""
    began = asyncio.get_running_loop().time()
    assert 200 == (await stage.ask(model)).status
    return asyncio.get_running_loop().time() - began


@in_virtual_time
async def test_requests_are_not_delayed() -> None:
    """An engine with one slot is in the middle of a question when a request comes: that takes as long as without a probe."""
    provider = Provider()
    profiles = {each.name: each for each in pair("m", await provider.listen(), alone=True)}
    provider.free = asyncio.Semaphore(1)
    provider.set_script({"tokens": 10, "token_delay": 1.0, "first_token_delay": 1.0})
    clock = asyncio.get_running_loop().time
    try:
        async with opened(Settings(listen=("127.0.0.1:0",), profiles=profiles), probe_after=2.0) as stage:
            alone = await answered_after(stage, "m")
            assert pytest.approx(10.0, abs=0.1) == alone
            as_local(stage, "m")
            assert stage.app.prober is not None
            ready = ModelReady("m", 1.0, 1, 0)
            stage.app.sinks.decided(ready)
            for waits in (3.0, 7.5, 5.0):
                await asyncio.sleep(waits)
                assert 1 == stage.instance("m").in_flight
                aborted = provider.counts["aborted"]
                assert pytest.approx(alone, abs=0.01) == await answered_after(stage, "m")
                assert aborted + 1 == provider.counts["aborted"]
                # It begins again after two quiet seconds, and not before.
                assert 0 == stage.instance("m").in_flight
                await asyncio.sleep(1.8)
                assert 0 == stage.instance("m").in_flight
            began = clock()
            while "thinking" not in verdicts(stage, "m"):  # noqa: ASYNC110 - announced by nothing
                await asyncio.sleep(1)
            assert clock() - began < 10 * 11
            assert NO == verdicts(stage, "m")["tools"]
            assert State.READY is stage.model_state("m").state
    finally:
        provider.server.close()


@in_virtual_time
async def test_the_boot_comes_first() -> None:
    """No model is probed while others are still loaded at the start, however long they take."""
    provider = Provider()
    profiles = {each.name: each for each in pair("m", await provider.listen(), alone=True)}
    try:
        async with opened(Settings(listen=("127.0.0.1:0",), profiles=profiles), probe_after=2.0) as stage:
            as_local(stage, "m")
            view = stage.app.dispatcher.view
            settled: dict[str, Any] = {"settled": False}
            stage.app.dispatcher.view = lambda: replace(view(), **settled)  # type: ignore[method-assign]  # one that loads
            stage.app.sinks.decided(ModelReady("m", 1.0, 1, 0))
            await asyncio.sleep(60)
            assert 0 == len([each for each in provider.asked if each["method"] == "POST"])
            settled["settled"] = True
            await asyncio.sleep(5)
            assert [each for each in provider.asked if each["method"] == "POST"]
    finally:
        provider.server.close()


@in_virtual_time
async def test_providers_are_asked_only_with_consent() -> None:
    """By itself never, since each answer costs money; with consent it is charged like any other."""
    provider = Provider()
    profiles = {each.name: each for each in pair("m", await provider.listen(), alone=True)}
    try:
        async with opened(Settings(listen=("127.0.0.1:0",), profiles=profiles), probe_after=0.0) as stage:
            await asyncio.sleep(60)
            assert not provider.asked
            answer = await stage.send("POST", "/hostd/v1/models/m/probe")
            assert (403, "costs_money") == (answer.status, answer.error["code"])
            answer = await stage.send("POST", "/hostd/v1/models/m/probe?paid=1")
            assert (200, NO) == (answer.status, answer.json["probed"]["tools"]["verdict"])
            assert 8 == len([each for each in provider.asked if each["method"] == "POST"])
            assert not stage.model_state("m").serving
    finally:
        provider.server.close()
