"""``hostd simulate``: replay a trace with another policy, on another host or with other models."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AnyHost, AsJson, find_machine
from hostd.cli.output import Column, emit, say, show_table

if TYPE_CHECKING:
    from hostd.simulation.host_model import SimulatedHost
    from hostd.simulation.report import Score
    from hostd.simulation.trace import TraceRequest

USUAL_HOURS = 24.0


class PolicyOption(StrEnum):
    """The policies that can decide a replay."""

    ALL = "all"
    HOSTD = "hostd"
    LRU_COUNT = "lru-count"
    LRU_MEMORY = "lru-memory"
    SHORTEST_KEEPALIVE = "shortest-keepalive"
    STATIC_GROUPS = "static-groups"


Trace = Annotated[
    str,
    typer.Argument(
        metavar="TRACE",
        help="steady, bursts, alternating, day-night or conversations; azure-2023 or mooncake-2025, samples of public traces; "
        "recorded, for what this daemon was asked; or a file with JSON lines, CSV or records.",
        show_default=False,
    ),
]
Policies = Annotated[
    list[PolicyOption] | None,
    typer.Option("--policy", help="The policy that decides; may be repeated.", show_default="all"),
]
Seed = Annotated[int, typer.Option("--seed", help="Which of the days of that kind to make up.")]
Models = Annotated[
    str | None,
    typer.Option("--models", metavar="NAME,...", help="The models to simulate; all declared ones if left out."),
]
Hours = Annotated[float, typer.Option("--hours", min=0.01, max=24 * 366, help="How long a made-up trace is.")]
Count = Annotated[
    int | None,
    typer.Option("--count", min=1, metavar="N", help="How many requests it has: more of them are shorter ones."),
]
Write = Annotated[
    Path | None, typer.Option("--write", metavar="FILE", help="Write the trace as JSON lines instead of replaying it.")
]


def simulate(  # noqa: PLR0913 - a command line's options are its contract
    trace: Trace,
    *,
    policy: Policies = None,
    host: AnyHost = None,
    models: Models = None,
    seed: Seed = 1,
    hours: Hours = USUAL_HOURS,
    count: Count = None,
    write: Write = None,
    json: AsJson = False,
) -> None:
    """Replay a trace in virtual time, with one or several policies."""
    from hostd.cli import (
        shipped_profiles,
        simulation_host,
    )  # the parsers and planners cost 0.2 s, which other verbs do without
    from hostd.config.load import load
    from hostd.simulation.generators import GENERATORS
    from hostd.simulation.public_trace import PUBLIC_TRACES
    from hostd.simulation.report import POLICIES, replay

    settings = load()
    machine = find_machine(host, settings.reserve)
    if not settings.profiles:
        say("no model is declared yet, so those that ship with hostd are taken")
    simulated = simulation_host.simulated_host(
        list(settings.profiles.values()) or shipped_profiles.shipped(), machine, here=host is None
    )
    if models:
        simulated = simulation_host.pick(simulated, models.split(","))
    shipped = trace in GENERATORS or trace in PUBLIC_TRACES
    simulated, play = _shipped(simulated, trace, seed, hours, count) if shipped else _read(simulated, trace)
    if write is not None:
        from hostd.cli.traces import write_trace

        say(f"wrote {write_trace(play(), write)} requests to {write}")
        return
    wanted = [each for each in POLICIES if not policy or PolicyOption.ALL in policy or each in policy]
    scores = []
    for each in wanted:
        say(f"replaying with {each}")
        scores.append(replay(simulated, each, play()))
    if json:
        emit({"trace": trace, "models": list(simulated.models), "policies": [asdict(score) for score in scores]})
    else:
        _show(scores)


def _shipped(
    simulated: "SimulatedHost", trace: str, seed: int, hours: float, count: int | None
) -> "tuple[SimulatedHost, Callable[[], Iterable[TraceRequest]]]":
    from hostd.cli.traces import shipped_rows
    from hostd.simulation.generators import GENERATORS, generate
    from hostd.simulation.public_trace import public_trace
    from hostd.simulation.workload import choose_workload

    try:
        workload = choose_workload(simulated)
    except ValueError as error:
        raise VerbError(str(error), Code.USAGE) from error
    pair = " and ".join(role.model for role in workload.pair)
    beside = ", ".join(role.model for role in (*workload.small, *workload.others))
    say(f"{pair} do not fit together; beside them {f'there are {beside}' if beside else 'there is nothing'}")
    simulated = simulated.only(workload.models)
    if trace in GENERATORS:
        return simulated, lambda: generate(trace, workload, hours=hours, seed=seed, count=count)
    requests = public_trace(simulated, workload, shipped_rows(trace))
    return simulated, lambda: requests


def _read(simulated: "SimulatedHost", trace: str) -> "tuple[SimulatedHost, Callable[[], Iterable[TraceRequest]]]":
    from hostd.cli.traces import RECORDED, read_trace

    requests = read_trace(trace)
    strange = sorted({each.model for each in requests} - simulated.models.keys())
    if strange and trace != RECORDED:
        raise VerbError(
            f"{trace} asks for {', '.join(map(repr, strange))}, which no profile declares or does not fit on this machine; "
            f"there are {', '.join(simulated.models) or 'none'}",
            Code.UNKNOWN_MODEL,
        )
    known = [each for each in requests if each.model in simulated.models]
    if strange:
        left = len(requests) - len(known)
        say(f"left out {left} requests for {', '.join(strange)}, which are not served from this machine's memory")
    return simulated, lambda: known


def _show(scores: "Iterable[Score]") -> None:
    columns = [
        Column("POLICY"),
        *(Column(title, right=True) for title in ("REQUESTS", "LOADS", "EVICTIONS", "WAIT P50", "P95", "MAX")),
        *(Column(title, right=True) for title in ("MISSED", "STARVED", "LOADING")),
        *(
            Column(title, right=True, extra=True)
            for title in ("REFUSED", "OVERCOMMITTED", "REUSED", "FIRST P50", "P95")
        ),
    ]
    rows = [
        [
            each.policy,
            *map(str, (each.requests, each.loads, each.evictions)),
            *(f"{seconds:.1f} s" for seconds in (each.wait_p50, each.wait_p95, each.wait_max)),
            str(each.misses),
            f"{each.starved:.1f} s",
            f"{each.loading:.1%}",
            *map(str, (each.refused, each.overcommits)),
            f"{each.reused:.1%}",
            *(f"{seconds:.1f} s" for seconds in (each.first_p50, each.first_p95)),
        ]
        for each in scores
    ]
    show_table(columns, rows)
