"""The parts of the house know each other: what the keeper measures, the appraiser expects and the owner asks meets at the desk."""

from pathlib import Path

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.profile import WarmSettings
from tests.conftest import OpenHouse
from tests.stage import make_profile, make_settings, until

MIB = 2**20
SMALL = Host("linux", "x", 64 * MIB, (Pool("ram", PoolKind.RAM, "small", 64 * MIB, 64 * MIB, 48 * MIB),))


async def test_reckons_with_the_machine_that_it_is_given(open_house: OpenHouse, weights: Path) -> None:
    """The desk's pools are those of the machine; what our engines are seen to hold is theirs, and nobody else's."""
    async with open_house(make_settings(make_profile("a", weights)), machine=SMALL) as stage:
        await until(lambda: stage.house.dispatcher.scheduler.admission.ledger.held("a"))
        plan = (await stage.get("/hostd/v1/plan")).json
        (pool,) = plan["pools"]
        assert ("ram", 48 * MIB, 0) == (pool["id"], pool["for_models_bytes"], pool["others_bytes"])
        assert 1 * MIB < plan["held"]["a"]["ram"] == 48 * MIB - pool["room_bytes"]
        assert ["a"] == [each["model"] for each in plan["warm_set"]]


async def test_keeps_what_it_decides(open_house: OpenHouse, weights: Path) -> None:
    """A load is checked, told of, and remembered for whoever asks why."""
    async with open_house(make_settings(make_profile("a", weights, warm=WarmSettings()))) as stage:
        told = (await stage.get("/hostd/v1/why?model=a")).json["decisions"]
        decisions = [each["decision"] for each in told]
        assert decisions.index("load") < decisions.index("ready")
