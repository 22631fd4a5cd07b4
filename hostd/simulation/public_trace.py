"""Public traces on a machine: the requests of a shipped sample, for the models of a workload, at a pace that the machine can serve.

Clouds answer thousands of requests at once, which no workstation can. What is kept of their traces is which requests come
together, how long each is, and what follows what; the time between them is stretched.
"""

from collections.abc import Iterable
from dataclasses import replace

from hostd.simulation.host_model import SimulatedHost
from hostd.simulation.trace import Row, TraceRequest, read_rows
from hostd.simulation.workload import Workload, WorkloadRole

BUSY = 0.4
"""The share of the time that all answers take, one model after another and without a single load."""

PUBLIC_TRACES = ("azure-2023", "mooncake-2025")
"""The samples that ship with hostd; `traces/README.md` says whose they are."""


def public_trace(host: SimulatedHost, workload: Workload, rows: Iterable[Row]) -> list[TraceRequest]:
    """Return the requests of a sample, whose *rows* name a role in place of a model.

    Raises:
        ValueError: A row makes no sense.
    """
    roles = _roles(workload)
    sample = [(each, roles[each.model]) for each in read_rows({**row, "model": row.get("role")} for row in rows)]
    work = 0.0
    for each, role in sample:
        speed = host.models[role.model].speeds[0]
        work += speed.seconds(each.prompt_tokens, each.output_tokens) / role.throughput
    pace = work / BUSY / sample[-1][0].at
    return [replace(each, at=each.at * pace, model=role.model) for each, role in sample]


def _roles(workload: Workload) -> dict[str, WorkloadRole]:
    """Return who plays which role: the models that compete in turn, and a small one that writes beside them."""
    large = workload.large
    found = {name: large[rank % len(large)] for rank, name in enumerate(("main", "second", "third", "fourth"))}
    writers = [role for role in workload.small if role.output_tokens]
    return found | {"small": writers[0] if writers else large[0]}
