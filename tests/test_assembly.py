"""The parts of the house know each other: what the keeper measures, the appraiser expects and the owner asks meets at the desk."""

from dataclasses import replace
from pathlib import Path

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.lifecycle import State
from hostd.domain.profile import Variant, WarmSettings
from hostd.sizing.memory_state import parse_memory_state
from tests.conftest import OpenHouse
from tests.stage import make_profile, make_settings, until

MIB = 2**20
SMALL = Host("linux", "x", 64 * MIB, (Pool("ram", PoolKind.RAM, "small", 64 * MIB, 64 * MIB, 48 * MIB),))


async def test_reckons_with_the_machine_that_it_is_given(open_house: OpenHouse, weights: Path) -> None:
    """The desk's pools are those of the machine; what our engines are seen to hold is theirs, and nobody else's."""
    async with open_house(make_settings(make_profile("a", weights)), machine=SMALL) as stage:
        await until(lambda: stage.house.dispatcher.memory().held.get("a"))
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


async def test_keeps_what_it_decides(open_house: OpenHouse, weights: Path) -> None:
    """A load is checked, told of, and remembered for whoever asks why."""
    async with open_house(make_settings(make_profile("a", weights, warm=WarmSettings()))) as stage:
        told = (await stage.get("/hostd/v1/why?model=a")).json["decisions"]
        decisions = [each["decision"] for each in told]
        assert decisions.index("load_started") < decisions.index("model_ready")


FAR = Variant("openai", url="http://192.0.2.9:1/v1", model="m")


async def test_a_private_request_stays_on_this_machine(open_house: OpenHouse, weights: Path) -> None:
    """The header is enough: a model elsewhere is passed over for its fallback, and refused where nothing else is left."""
    cold = WarmSettings(preload=False)
    profiles = (
        make_profile("here", weights),
        make_profile("far", weights, variants=(FAR,), to=("here",), warm=cold),
        make_profile("only", weights, variants=(FAR,), warm=cold),
    )
    async with open_house(make_settings(*profiles)) as stage:
        private = {"x-hostd-privacy": "local"}
        assert ("here", "fallback:unfit") == (await stage.ask("far", headers=private)).route
        refused = await stage.ask("only", headers=private)
        assert (403, "privacy") == (refused.status, refused.error["code"])
        assert "http://192.0.2.9:1/v1 is not on this machine" in refused.error["message"]
        unknown = await stage.ask("here", headers={"x-hostd-privacy": "yes"})
        assert (400, "x-hostd-privacy") == (unknown.status, unknown.error["param"])
        assert State.COLD is stage.lane("only").state


async def test_where_an_engine_listens_is_looked_at_again(open_house: OpenHouse, weights: Path) -> None:
    """Settings say that a model is local; should its engine be elsewhere all the same, no private request is sent there."""
    profiles = (make_profile("a", weights, to=("b",)), make_profile("b", weights))
    async with open_house(make_settings(*profiles)) as stage:
        server = stage.instance("a").server
        assert server is not None
        # An address that is no loopback address and yet reaches the engine: a request that is let through is answered.
        url = server.launch.endpoint.url.replace("127.0.0.1", "0.0.0.0")  # as above
        server.launch = replace(server.launch, endpoint=replace(server.launch.endpoint, url=url))
        assert "a" == (await stage.ask("a")).route[0]
        assert ("b", "fallback:unfit") == (await stage.ask("a", headers={"x-hostd-privacy": "local"})).route
