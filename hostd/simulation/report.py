"""Scores of a replay: one per policy, with the figures by which policies are compared."""

from collections.abc import Iterable
from dataclasses import dataclass

from hostd.scheduling.scheduler import Scheduler
from hostd.simulation.baselines import BASELINES, baseline
from hostd.simulation.counters import Counters
from hostd.simulation.host_model import SimulatedHost
from hostd.simulation.simulator import Decider, Simulator
from hostd.simulation.trace import TraceRequest

SAME_WAIT = 0.1
"""Seconds by which two waits may differ and count as equal: hostd alone looks at a model's files before it loads it."""

HOSTD = "hostd"
POLICIES = (HOSTD, *BASELINES)


@dataclass(frozen=True, slots=True)
class Score:
    """The outcome of one policy; all times in seconds.

    A wait is from a request's arrival until it is served; of one that is refused, or whose client gives up, it is the whole
    total_timeout. *misses* are requests that were served later than their queue_timeout, or not at all. *starved* is the longest
    time in which requests waited for some model and none of them was served. *loading* is the share of the time in which
    something was being loaded. *overcommits* counts loads that were begun with too little memory. *reused* is the share of the
    prompts' tokens that were not read anew, and a *first* the time from a request's arrival to its first token.
    """

    policy: str
    requests: int
    served: int
    refused: int
    broken: int
    loads: int
    evictions: int
    wait_p50: float
    wait_p95: float
    wait_max: float
    misses: int
    starved: float
    loading: float
    overcommits: int
    reused: float = 0.0
    first_p50: float = 0.0
    first_p95: float = 0.0

    def better_than(self, other: "Score") -> bool:
        """Return whether fewer requests were missed than with *other*, or as many with no more loads and a lower p95 wait."""
        if self.misses != other.misses:
            return self.misses < other.misses
        return self.loads <= other.loads and self.wait_p95 < other.wait_p95 - SAME_WAIT


def replay(host: SimulatedHost, policy: str, requests: Iterable[TraceRequest]) -> Score:
    """Replay *requests* under *policy*, one of `POLICIES`, and return its score."""
    limits = {name: (each.limits.queue_timeout, each.limits.total_timeout) for name, each in host.profiles.items()}
    counters = Counters(limits)
    # No other program keeps conversations over its swaps.
    Simulator(host, _decider(host, policy), counters, saving=policy == HOSTD).run(requests)
    return score(policy, counters)


def score(policy: str, counters: Counters) -> Score:
    """Return the score that follows from final counts."""
    waits, firsts = sorted(counters.waits), sorted(counters.firsts)
    return Score(
        policy=policy,
        requests=counters.requests,
        served=counters.served_count,
        refused=counters.refusals,
        broken=counters.broken,
        loads=counters.loads,
        evictions=counters.evictions,
        wait_p50=_percentile(waits, 0.5),
        wait_p95=_percentile(waits, 0.95),
        wait_max=_percentile(waits, 1.0),
        misses=counters.misses,
        starved=max((tracker.longest for tracker in counters.trackers.values()), default=0.0),
        loading=counters.loading_seconds / counters.span if counters.span else 0.0,
        overcommits=counters.overcommits,
        reused=counters.cached_tokens / counters.prompt_tokens if counters.prompt_tokens else 0.0,
        first_p50=_percentile(firsts, 0.5),
        first_p95=_percentile(firsts, 0.95),
    )


def _decider(host: SimulatedHost, policy: str) -> Decider:
    return Scheduler(host.profiles, pools=host.pools) if policy == HOSTD else baseline(policy, host)


def _percentile(ordered: list[float], share: float) -> float:
    """Return the smallest of the *ordered* numbers that is no less than this share of them (nearest rank); 0 of none."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0
