"""``hostd simulate``: what another policy, another machine or other models would have made of a day."""

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
    """Who decides."""

    ALL = "all"
    HOSTD = "hostd"
    LRU_COUNT = "lru-count"
    SHORTEST_KEEPALIVE = "shortest-keepalive"
    STATIC_GROUPS = "static-groups"


Trace = Annotated[
    str,
    typer.Argument(
        metavar="TRACE",
        help="steady, bursts, alternating or day-night; recorded, for what this daemon was asked; or a file with JSON lines, "
        "CSV or records.",
        show_default=False,
    ),
]
Policies = Annotated[
    list[PolicyOption] | None, typer.Option("--policy", help="Who decides; may be repeated.", show_default="all")
]
Seed = Annotated[int, typer.Option("--seed", help="Which of the days of that kind to make up.")]
Models = Annotated[
    str | None,
    typer.Option("--models", metavar="NAME,...", help="The models of the house; all declared ones if left out."),
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
    """Replay a day in virtual time, with hostd or others deciding."""
    from hostd.cli import simulation_host  # the parsers and planners cost 0.2 s, which other verbs do without
    from hostd.config.load import load
    from hostd.simulation.generators import GENERATORS
    from hostd.simulation.report import POLICIES, replay

    settings = load()
    machine = find_machine(host, settings.reserve)
    if not settings.profiles:
        say("no model is declared yet, so those that ship with hostd are taken")
    app = simulation_host.find_house(
        list(settings.profiles.values()) or simulation_host.shipped(), machine, here=host is None
    )
    if models:
        app = simulation_host.pick(app, models.split(","))
    app, play = _made_up(app, trace, seed, hours, count) if trace in GENERATORS else _read(app, trace)
    if write is not None:
        from hostd.cli.traces import write_trace

        say(f"wrote {write_trace(play(), write)} requests to {write}")
        return
    wanted = [each for each in POLICIES if not policy or PolicyOption.ALL in policy or each in policy]
    scores = []
    for each in wanted:
        say(f"replaying with {each}")
        scores.append(replay(app, each, play()))
    if json:
        emit({"trace": trace, "models": list(app.tenants), "policies": [asdict(score) for score in scores]})
    else:
        _show(scores)


def _made_up(
    app: "SimulatedHost", trace: str, seed: int, hours: float, count: int | None
) -> "tuple[SimulatedHost, Callable[[], Iterable[TraceRequest]]]":
    from hostd.simulation.generators import generate
    from hostd.simulation.workload import choose_workload

    try:
        cast = choose_workload(app)
    except ValueError as error:
        raise VerbError(str(error), Code.USAGE) from error
    pair = " and ".join(part.model for part in cast.pair)
    beside = ", ".join(part.model for part in (*cast.small, *cast.others))
    say(f"{pair} do not fit together; beside them {f'there are {beside}' if beside else 'there is nothing'}")
    return app.only(cast.models), lambda: generate(trace, cast, hours=hours, seed=seed, count=count)


def _read(app: "SimulatedHost", trace: str) -> "tuple[SimulatedHost, Callable[[], Iterable[TraceRequest]]]":
    from hostd.cli.traces import RECORDED, read_trace

    requests = read_trace(trace)
    strange = sorted({each.model for each in requests} - app.tenants.keys())
    if strange and trace != RECORDED:
        raise VerbError(
            f"{trace} asks for {', '.join(map(repr, strange))}, which no profile declares or this machine has no place for; "
            f"there are {', '.join(app.tenants) or 'none'}",
            Code.UNKNOWN_MODEL,
        )
    known = [each for each in requests if each.model in app.tenants]
    if strange:
        left = len(requests) - len(known)
        say(f"left out {left} requests for {', '.join(strange)}, which are not served from this machine's memory")
    return app, lambda: known


def _show(scores: "Iterable[Score]") -> None:
    columns = [
        Column("POLICY"),
        *(Column(title, right=True) for title in ("REQUESTS", "LOADS", "EVICTIONS", "WAIT P50", "P95", "MAX")),
        *(Column(title, right=True) for title in ("MISSED", "STARVED", "LOADING")),
        *(Column(title, right=True, extra=True) for title in ("REFUSED", "OVERCOMMITTED")),
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
        ]
        for each in scores
    ]
    show_table(columns, rows)
