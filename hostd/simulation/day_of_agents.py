"""A day of agents: six roles over three models of one machine and one of a provider, which fails for an hour.

People chat and jobs run: each job is planned, worked on in three steps, researched and written up, with small helps beside it. A
part of all of it is private. The decisions are those of the router and the scheduler; only engines, provider and time are virtual.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.budget import Budget, Limit, Measure, Period
from hostd.domain.catalog import Catalog
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Role, Settings
from hostd.domain.ticket import Route
from hostd.routing.policy import RouteQuery
from hostd.routing.router import Router
from hostd.scheduling.events import SpendingCounted
from hostd.scheduling.scheduler import Scheduler
from hostd.simulation.counters import Counters
from hostd.simulation.host_model import SimulatedHost
from hostd.simulation.provider_model import Outage, ServedRequest
from hostd.simulation.rng import SplitMix
from hostd.simulation.simulator import Simulator
from hostd.simulation.trace import TraceRequest

HOUR, DAY = 3600.0, 86_400.0
PRIVATE = " (private)"
"""What is behind the name of a role in a trace where the request must not leave the machine."""
_PRIVATE_SHARE = 0.15
_OFFICE = (8, 18)
_LENGTHS: Mapping[str, tuple[int, int]] = {
    "chat": (1_200, 250),
    "orchestrator": (3_000, 150),
    "engineer": (9_000, 600),
    "research": (6_000, 500),
    "writer": (4_000, 900),
    "utility": (400, 40),
}
"""Tokens of the prompt and of the answer of each role's requests, on average."""
_JOB = ("orchestrator", "engineer", "engineer", "engineer", "research", "writer", "utility", "utility")
_STEP = 25.0
"""Seconds between two steps of a job, on average: each begins when its tools have answered."""


@dataclass(slots=True)
class DayReport:
    """What came of a day: *requests* of each role, those that were *local*, its *fallbacks* by reason, and USD."""

    requests: Counter[str] = field(default_factory=Counter)
    local: Counter[str] = field(default_factory=Counter)
    fallbacks: dict[str, Counter[str]] = field(default_factory=dict)
    usd: dict[str, float] = field(default_factory=dict)
    by_model: Counter[str] = field(default_factory=Counter)
    private_away: int = 0
    refused: int = 0

    @property
    def local_share(self) -> float:
        """The part of the answers that no provider gave."""
        return self.local.total() / self.requests.total() if self.requests else 0.0

    def served(self, request: ServedRequest) -> None:
        """Count an answer."""
        role = request.asked.removesuffix(PRIVATE)
        self.requests[role] += 1
        self.by_model[request.model] += 1
        self.local[role] += not request.away
        self.private_away += request.away and request.asked != role
        self.usd[role] = self.usd.get(role, 0.0) + (request.cost or 0.0)
        if request.reason is not None:
            self.fallbacks.setdefault(role, Counter())[str(request.reason)] += 1

    def lines(self) -> list[str]:
        """Return the report as text: a line for each role, and one for all."""
        head = f"{'role':14}{'requests':>9}{'local':>8}{'USD':>9}  fallbacks"
        rows = [
            f"{role:14}{count:>9}{self.local[role] / count:>8.0%}{self.usd[role]:>9.4f}  "
            + (", ".join(f"{why} {times}" for why, times in self.fallbacks.get(role, Counter()).most_common()) or "-")
            for role, count in sorted(self.requests.items())
        ]
        whole = f"{'all':14}{self.requests.total():>9}{self.local_share:>8.0%}{sum(self.usd.values()):>9.4f}"
        return [head, *rows, f"{whole}  {self.refused} refused"]


def trace(seed: int, hours: float = 24.0) -> list[TraceRequest]:
    """Return the requests of the first *hours* of a day, from midnight, in order of time."""
    rng, found = SplitMix("agents", seed), list[TraceRequest]()
    for hour in range(int(hours)):
        at_work = _OFFICE[0] <= hour < _OFFICE[1]
        for role, rate in (("chat", 9.0 if at_work else 2.0), ("utility", 12.0 if at_work else 4.0)):
            found += [_request(rng, role, at) for at in _times(rng, hour, rate)]
        for begin in _times(rng, hour, 4.0 if at_work else 1.0):
            at = begin
            for role in _JOB:
                found.append(_request(rng, role, at))
                at += rng.wait(_STEP)
    return sorted(found, key=lambda each: each.at)


def run_day(
    host: SimulatedHost, roles: Sequence[Role], requests: Sequence[TraceRequest], outages: Sequence[Outage], cap: float
) -> DayReport:
    """Replay *requests* on *host*, whose provider may cost *cap* USD a day; a name of a request is a role's, private or not."""
    settings = Settings(profiles=host.profiles, roles={role.name: role for role in roles})
    router = Router(Catalog(settings))
    budget = Budget((Limit(Measure.USD, Period.DAY, cap),))
    scheduler = Scheduler(host.profiles, pools=host.pools, budgets=dict.fromkeys(_providers(host.profiles), budget))
    scheduler.handle(SpendingCounted({}, DAY, 30 * DAY), 0.0)
    report, limits = DayReport(), dict[str, tuple[float, float]]()
    for role in roles:
        first = host.profiles[role.use[0]].limits
        limits |= dict.fromkeys((role.name, role.name + PRIVATE), (first.queue_timeout, first.total_timeout))
    counters = Counters(limits)
    simulator = Simulator(
        host, scheduler, counters, routes=_routes(router, roles), outages=outages, served=report.served
    )
    simulator.run(requests)
    report.refused = counters.refusals
    return report


def _routes(router: Router, roles: Sequence[Role]) -> dict[str, Route]:
    open_ = {role.name: router.route(RouteQuery(role.name)) for role in roles}
    private = {role.name: router.route(RouteQuery(role.name, privacy=Privacy.LOCAL)) for role in roles}
    return open_ | {name + PRIVATE: route for name, route in private.items()}


def _providers(profiles: Mapping[str, Profile]) -> set[str]:
    return {variant.provider for profile in profiles.values() for variant in profile.variants if variant.provider}


def _times(rng: SplitMix, hour: int, rate: float) -> list[float]:
    """Return the moments of one hour at which something happens, *rate* times on average."""
    found, at = list[float](), rng.wait(HOUR / rate)
    while at < HOUR:
        found.append(hour * HOUR + at)
        at += rng.wait(HOUR / rate)
    return found


def _request(rng: SplitMix, role: str, at: float) -> TraceRequest:
    prompt, answer = _LENGTHS[role]
    name = role + (PRIVATE if rng.uniform() < _PRIVATE_SHARE else "")
    return TraceRequest(at, name, 1 + int(rng.size(prompt)), 1 + int(rng.size(answer)))
