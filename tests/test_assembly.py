"""The parts of the daemon work together: what is measured, expected and declared meets in the scheduler."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile, Variant, WarmSettings
from hostd.scheduling.events import ShutdownRequested
from hostd.sizing.load_options import LoadOptionFinder, LoadOptions
from hostd.sizing.memory_state import parse_memory_state
from tests.conftest import OpenDaemon
from tests.stage import make_profile, make_settings, until

MIB = 2**20
SMALL = Host("linux", "x", 64 * MIB, (Pool("ram", PoolKind.RAM, "small", 64 * MIB, 64 * MIB, 48 * MIB),))


async def test_reckons_with_the_machine_that_it_is_given(open_daemon: OpenDaemon, weights: Path) -> None:
    """The scheduler's pools are those of the machine; what engines are measured to hold does not count as other programs'."""
    async with open_daemon(make_settings(make_profile("a", weights)), machine=SMALL) as stage:
        await until(lambda: stage.app.dispatcher.memory().held.get("a"))
        plan = (await stage.get("/hostd/v1/plan")).json
        (pool,) = plan["pools"]
        assert ("ram", 48 * MIB, 0) == (pool["id"], pool["for_models_bytes"], pool["others_bytes"])
        assert 1 * MIB < plan["held"]["a"]["ram"] == 48 * MIB - pool["room_bytes"]
        assert ["a"] == [each["model"] for each in plan["warm_set"]]
        planned = parse_memory_state(plan)
        assert (SMALL.pools[0].budget, ["a"]) == (
            planned.host.pools[0].budget,
            [each.name for each in planned.candidates],
        )
        assert ["llamacpp:scripted.gguf"] == [option.label for option in planned.options["a"]]


async def test_keeps_what_it_decides(open_daemon: OpenDaemon, weights: Path) -> None:
    """A load is checked, logged, and kept for `hostd why`."""
    async with open_daemon(make_settings(make_profile("a", weights, warm=WarmSettings()))) as stage:
        told = (await stage.get("/hostd/v1/why?model=a")).json["decisions"]
        decisions = [each["decision"] for each in told]
        assert decisions.index("load_started") < decisions.index("model_ready")


FAR = Variant("openai", url="http://192.0.2.9:1/v1", model="m")


async def test_a_private_request_stays_on_this_machine(open_daemon: OpenDaemon, weights: Path) -> None:
    """The header is enough: a model elsewhere is passed over for its fallback, and refused where nothing else is left."""
    cold = WarmSettings(preload=False)
    profiles = (
        make_profile("here", weights),
        make_profile("far", weights, variants=(FAR,), to=("here",), warm=cold),
        make_profile("only", weights, variants=(FAR,), warm=cold),
    )
    async with open_daemon(make_settings(*profiles)) as stage:
        private = {"x-hostd-privacy": "local"}
        assert ("here", "fallback:privacy") == (await stage.ask("far", headers=private)).route
        refused = await stage.ask("only", headers=private)
        assert (403, "privacy") == (refused.status, refused.error["code"])
        assert "http://192.0.2.9:1/v1 is not on this machine" in refused.error["message"]
        unknown = await stage.ask("here", headers={"x-hostd-privacy": "yes"})
        assert (400, "x-hostd-privacy") == (unknown.status, unknown.error["param"])
        assert State.COLD is stage.model_state("only").state


async def test_where_an_engine_listens_is_looked_at_again(open_daemon: OpenDaemon, weights: Path) -> None:
    """Settings say that a model is local; should its engine be elsewhere all the same, no private request is sent there."""
    profiles = (make_profile("a", weights, to=("b",)), make_profile("b", weights))
    async with open_daemon(make_settings(*profiles)) as stage:
        server = stage.instance("a").server
        assert server is not None
        endpoint = server.launch.endpoint
        # An address that is no loopback address and yet reaches the engine, and one that forwards requests: what is let through is
        # answered.
        elsewhere = endpoint.url.replace("127.0.0.1", "0.0.0.0")
        for changed in (replace(endpoint, url=elsewhere), replace(endpoint, local=False)):
            server.launch = replace(server.launch, endpoint=changed)
            assert "a" == (await stage.ask("a")).route[0]
            assert ("b", "fallback:privacy") == (await stage.ask("a", headers={"x-hostd-privacy": "local"})).route


async def test_settings_are_replaced_while_it_serves(open_daemon: OpenDaemon, weights: Path) -> None:
    """A new model can be asked for, a removed one is unknown, and one that has not changed keeps its engine and its answers."""
    same, new = (make_profile(name, weights) for name in ("same", "new"))
    old = make_profile("old", weights, {"tokens": 20, "token_delay": 0.03})
    async with open_daemon(make_settings(same, old)) as stage:
        pid = stage.instance("same").pid
        slow = stage.begin("old")
        await until(lambda: stage.model_state("old").serving)
        changed = replace(same, limits=replace(same.limits, max_queue=7))
        changes, restart = stage.application.reload.apply(make_settings(changed, new))
        assert ((("new",), ("same",), ("old",)), ()) == ((changes.added, changes.changed, changes.removed), restart)
        unknown = await stage.ask("old")
        assert (404, "model_not_found") == (unknown.status, unknown.error["code"])
        assert ("new", "primary") == (await stage.ask("new")).route
        assert ("same", "primary") == (await stage.ask("same")).route
        assert (pid, 7) == (stage.instance("same").pid, stage.model_state("same").profile.limits.max_queue)
        assert "old" == (await slow).route[0]
        await until(lambda: "old" not in stage.app.instances)
        listed = [model["id"] for model in (await stage.get("/v1/models")).json["data"]]
        assert ["same", "new"] == listed == list(stage.app.dispatcher.scheduler.models)


async def test_a_model_moves_over_to_new_settings_when_it_is_idle(open_daemon: OpenDaemon, weights: Path) -> None:
    """The answer in flight is finished by the old engine; the request after it gets one of the new."""
    slow = make_profile("a", weights, {"tokens": 40, "token_delay": 0.03})
    async with open_daemon(make_settings(slow)) as stage:
        pid = stage.instance("a").pid
        answer = stage.begin("a")
        await until(lambda: stage.model_state("a").serving)
        stage.application.reload.apply(make_settings(replace(slow, args={"script": '{"tokens": 3}'})))
        assert pid == stage.instance("a").pid
        assert 200 == (await answer).status
        assert 200 == (await stage.ask("a")).status
        assert pid != stage.instance("a").pid


async def test_answers_while_headers_are_still_being_read(
    open_daemon: OpenDaemon, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs no engine is answered at once; a request for a model waits, and is served when its options are known."""
    read = threading.Event()
    find = LoadOptionFinder.find

    def slowly(self: LoadOptionFinder, profile: Profile, host: Host) -> LoadOptions:
        assert read.wait(20)
        return find(self, profile, host)

    monkeypatch.setattr(LoadOptionFinder, "find", slowly)
    async with open_daemon(
        make_settings(make_profile("a", weights, warm=WarmSettings(preload=False))), booted=False
    ) as stage:
        boot = asyncio.create_task(stage.application.boot.run())
        await until(lambda: "headers" in (stage.application.boot.under_way or ""))
        assert 200 == (await stage.get("/healthz")).status
        assert ["a"] == [model["id"] for model in (await stage.get("/v1/models")).json["data"]]
        assert 200 == (await stage.get("/hostd/v1/plan")).status
        ready = await stage.get("/readyz")
        assert (503, "reading the headers of models (0 of 1)") == (ready.status, ready.json["under_way"])
        answer = stage.begin("a")
        await until(lambda: stage.model_state("a").queue)
        assert not answer.done()
        read.set()
        assert 200 == (await answer).status
        await boot
        ready = await stage.get("/readyz")
        assert (200, None) == (ready.status, ready.json["under_way"])


async def test_a_shutdown_finishes_what_is_answered(open_daemon: OpenDaemon, weights: Path) -> None:
    """Who waits, and who comes now, is told to come again (503, Retry-After); a stream under way goes on to its end."""
    script = {"tokens": 20, "token_delay": 0.05}
    async with open_daemon(make_settings(make_profile("a", weights, script, slots=1))) as stage:
        streaming = stage.begin("a", stream=True)
        await until(lambda: bool(stage.model_state("a").serving))
        waiting = stage.begin("a")
        await until(lambda: len(stage.model_state("a").queue) == 1)
        stage.app.dispatcher.post(ShutdownRequested())
        for refused in (await waiting, await stage.ask("a")):
            assert (503, "closing", "5") == (refused.status, refused.error["code"], refused.headers["Retry-After"])
        assert not streaming.done()
        assert "[DONE]" == (await streaming).events[-1]
