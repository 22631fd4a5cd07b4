"""One look at one target: how fast it answers, and what each request costs it and the upstream behind it."""

from dataclasses import dataclass
from pathlib import Path

from bench import load, processes
from bench.followers import following
from bench.gateways import Gateway
from bench.load import Figures
from bench.workloads import Scenario

_LONGER = 12


@dataclass(frozen=True)
class Sample:
    """What one burst of load showed: the generator's figures, and what each request cost.

    *cpu_us* are microseconds of the gateway (None: there is none), *upstream_cpu_us* those of the upstream, *upstream_connections*
    how many were made per thousand requests. The upstream counts the requests, since it also sees those that the generator does not
    wait for at the end.
    """

    figures: Figures
    requests: int
    cpu_us: float | None
    upstream_cpu_us: float
    upstream_connections: float


def sample(target: Gateway, scenario: Scenario, seconds: float, folder: Path) -> Sample:
    """Put *scenario* on *target* for *seconds*; for longer where it answers nothing in that time.

    Raises:
        BenchError: An answer failed, or none came.
    """
    with following(target.port, target.dashboards, folder):
        return _sample(target, scenario, seconds, folder)


def _sample(target: Gateway, scenario: Scenario, seconds: float, folder: Path) -> Sample:
    gateway, upstream = target.members, [target.upstream.process]
    connections, requests = target.upstream.counters()
    own, behind = processes.cpu_seconds(gateway), processes.cpu_seconds(upstream)
    try:
        figures = _answered(target, scenario, seconds, folder)
    except processes.BenchError as error:
        log = processes.tail(folder / f"{target.name}.log")
        raise type(error)(f"{target.name} under {scenario.key}: {error}\nthe end of its log:\n{log}") from None
    processes.settle(gateway or upstream)
    own, behind = processes.cpu_seconds(gateway) - own, processes.cpu_seconds(upstream) - behind
    now_connections, now_requests = target.upstream.counters()
    # to ask for the counters took a connection itself
    connections, requests = now_connections - connections - 1, now_requests - requests
    if not requests:
        raise processes.BenchError(f"{target.name} answered, but no request reached the upstream: it measures nothing")
    return Sample(
        figures,
        requests,
        own / requests * 1e6 if gateway else None,
        behind / requests * 1e6,
        connections / requests * 1000,
    )


def _answered(target: Gateway, scenario: Scenario, seconds: float, folder: Path) -> Figures:
    try:
        return load.measure(target.port, target.model, scenario, seconds, folder)
    except load.TooFewError:
        return load.measure(target.port, target.model, scenario, seconds * _LONGER, folder)
