"""Inventory: a machine as plain data, in the format of `hostd inventory --json` and of machine files."""

from typing import Any

from hostd.domain.host import Host


def inventory(host: Host) -> dict[str, Any]:
    """Return *host* and its pools as plain data, sizes in bytes."""
    return {
        "host": {"os": host.os, "cpu": host.cpu, "ram_bytes": host.ram_bytes},
        "pools": [
            {
                "id": pool.id,
                "kind": pool.kind.value,
                "name": pool.name,
                "total_bytes": pool.total,
                "free_bytes": pool.free,
                "budget_bytes": pool.budget,
            }
            for pool in host.pools
        ],
    }
