"""The machine as plain data."""

from hostd.domain.host import Holder, Host, Pool, PoolKind
from hostd.hardware.inventory import inventory


def test_exactly_these_keys() -> None:
    """Programs rely on these keys; holders, facts and troubles are not among them."""
    pool = Pool("cuda:0", PoolKind.VRAM, "A Card", 9, 7, 8, (Holder(1, "x", 2),), (("uuid", "u"),))
    told = inventory(Host("Linux", "A Processor", 64, (pool,), ("a trouble",)))
    assert {
        "host": {"os": "Linux", "cpu": "A Processor", "ram_bytes": 64},
        "pools": [
            {"id": "cuda:0", "kind": "vram", "name": "A Card", "total_bytes": 9, "free_bytes": 7, "budget_bytes": 8}
        ],
    } == told
    assert str is type(told["pools"][0]["kind"])
