"""From rounds to figures: medians, what each gateway adds, the table, and hostd's targets."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from bench.measuring import Sample
from bench.pacing import Paced
from bench.startup import Startup
from bench.workloads import MANY, ONE, SCENARIOS, WORKLOADS, Scenario

SHARE_OF_BARE = 0.60
ADDED_P50_MS = 0.25
ADDED_P50_TIMES_BARE = 1.6
PACED_CPU_TIMES_BARE = 1.2
IDLE_RSS_MB = 80.0
VERSION_SECONDS = 0.15
SHARE_WATCHED = 0.95

Figure = float | None


@dataclass
class Measured:
    """Everything seen of one target, a value per round; *members* is the idle resident memory of each of its processes."""

    name: str
    full: dict[str, list[Sample]] = field(default_factory=lambda: {scenario.key: [] for scenario in SCENARIOS})
    paced: list[Paced] = field(default_factory=list)
    startups: list[Startup] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    rss_start: int | None = None
    rss_after: int | None = None

    def values(self, scenario: Scenario, take: Callable[[Sample], float]) -> list[float]:
        """Return one figure of *scenario*, round by round."""
        return [take(sample) for sample in self.full[scenario.key]]


@dataclass(frozen=True)
class Target:
    """One of hostd's targets: the figure (None: not measured in this run) and whether it is good enough."""

    name: str
    bound: str
    value: str | None
    met: bool | None

    def __str__(self) -> str:
        verdict = {None: "not measured", True: "met", False: "MISSED"}[self.met]
        return f"  {verdict:<13} {self.name}: {self.value or '-'} (target: {self.bound})"


def _speed(sample: Sample) -> float:
    return sample.figures.requests_per_second


def _p50(sample: Sample) -> float:
    return sample.figures.p50_ms


def _p99(sample: Sample) -> float:
    return sample.figures.p99_ms


def _cpu(sample: Sample) -> float:
    return sample.cpu_us or 0.0


def _median(values: Sequence[float]) -> Figure:
    return statistics.median(values) if values else None


def _differences(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """Return the median difference within a round; neighbours in time share the machine's mood.

    A target that takes part in the first rounds alone has fewer values.
    """
    return _median([a - b for a, b in zip(ours, theirs, strict=False)])


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """Return the median ratio within a round."""
    return _median([a / b for a, b in zip(ours, theirs, strict=False) if b])


def summary(measured: Sequence[Measured]) -> dict[str, dict[str, Figure]]:
    """Return every figure by target: medians over the rounds; comparisons with others from pairs within a round."""
    by_name = {seen.name: seen for seen in measured}
    return {seen.name: dict(_figures(seen, by_name.get("direct"), by_name.get("bare"))) for seen in measured}


def _figures(seen: Measured, direct: Measured | None, bare: Measured | None) -> Iterator[tuple[str, Figure]]:
    for scenario in SCENARIOS:
        samples = seen.full[scenario.key]
        yield f"{scenario.key}_requests_per_second", _median([_speed(each) for each in samples])
        for name, take in (("p50_ms", _p50), ("p99_ms", _p99)):
            ours = seen.values(scenario, take)
            yield f"{scenario.key}_{name}", _median(ours)
            if direct is not None and direct is not seen:
                yield f"{scenario.key}_added_{name}", _differences(ours, direct.values(scenario, take))
        spent = [each.cpu_us for each in samples if each.cpu_us is not None]
        yield f"{scenario.key}_cpu_us", _median(spent)
        # What other programs do to the caches only ever adds to it.
        yield f"{scenario.key}_least_cpu_us", min(spent, default=None)
        yield f"{scenario.key}_upstream_cpu_us", _median([each.upstream_cpu_us for each in samples])
        yield f"{scenario.key}_upstream_connections", _median([each.upstream_connections for each in samples])
        if bare is not None:
            for name, take in (("share_of_bare", _speed), ("cpu_times_bare", _cpu)):
                yield (
                    f"{scenario.key}_{name}",
                    _ratios(seen.values(scenario, take), bare.values(scenario, take)) or None,
                )
    yield "paced_chunks_per_second", _median([each.chunks_per_second for each in seen.paced])
    yield "paced_cpu_us_per_chunk", _median([each.cpu_us_per_chunk for each in seen.paced])
    if bare is not None and seen.paced:
        pairs = [[each.cpu_us_per_chunk for each in one.paced] for one in (seen, bare)]
        yield "paced_cpu_times_bare", _ratios(*pairs)
    yield "rss_start_mb", None if seen.rss_start is None else seen.rss_start / 1e6
    yield "rss_after_mb", None if seen.rss_after is None else seen.rss_after / 1e6
    yield "version_seconds", _median([each.seconds for each in seen.startups])
    yield "version_cpu_seconds", _median([each.cpu_seconds for each in seen.startups])
    yield "version_python_seconds", _median([each.python_seconds for each in seen.startups])


def targets(measured: Sequence[Measured]) -> list[Target]:
    """Return hostd's targets, judged: those that compare it with the bare pass-through for each kind of request."""
    figures = summary(measured)
    hostd, bare = figures.get("hostd", {}), figures.get("bare", {})
    found = []
    for workload in WORKLOADS:
        share = hostd.get(f"{workload.key}_{MANY}_share_of_bare")
        found.append(
            Target(
                f"requests/s of the bare pass-through's at {MANY} clients, {workload.title}",
                f"at least {SHARE_OF_BARE:.0%}",
                None if share is None else f"{share:.1%}",
                None if share is None else share >= SHARE_OF_BARE,
            )
        )
    for workload in WORKLOADS:
        key = f"{workload.key}_{ONE}_added_p50_ms"
        found.append(_latency(workload.title, hostd.get(key), bare.get(key)))
    return [*found, _paced(hostd), _memory(measured, hostd), _version(hostd), *_watched(measured)]


def _watched(measured: Sequence[Measured]) -> Iterator[Target]:
    """Yield what open dashboards may cost, where that was measured; CPU time is told besides, which other programs disturb less."""
    by_name = {seen.name: seen for seen in measured}
    if (alone := by_name.get("hostd")) is None or (watched := by_name.get("watched")) is None:
        return
    for workload in WORKLOADS:
        scenario = next(each for each in SCENARIOS if each.key == f"{workload.key}_{MANY}")
        share = _ratios(watched.values(scenario, _speed), alone.values(scenario, _speed))
        cpu = _ratios(watched.values(scenario, _cpu), alone.values(scenario, _cpu))
        yield Target(
            f"requests/s with ten dashboards open, {workload.title}",
            f"at least {SHARE_WATCHED:.0%} of those with none",
            None if share is None else f"{share:.1%} of those with none, at {cpu or 0.0:.2f} times the CPU per request",
            None if share is None else share >= SHARE_WATCHED,
        )


def _latency(title: str, ours: Figure, theirs: Figure) -> Target:
    value = met = None
    if ours is not None:
        value, met = f"{ours:.3f} ms", ours <= ADDED_P50_MS
    if ours is not None and theirs is not None and theirs > 0:
        value = f"{ours:.3f} ms, {ours / theirs:.2f} times the bare one's"
        met = met or ours <= ADDED_P50_TIMES_BARE * theirs
    bound = f"at most {ADDED_P50_MS} ms, or {ADDED_P50_TIMES_BARE} times the bare one's"
    return Target(f"added p50 at one client, {title}", bound, value, met)


def _paced(hostd: dict[str, Figure]) -> Target:
    times = hostd.get("paced_cpu_times_bare")
    return Target(
        "CPU per paced chunk",
        f"at most {PACED_CPU_TIMES_BARE} times the bare one's",
        None if times is None else f"{times:.2f} times the bare one's",
        None if times is None else times <= PACED_CPU_TIMES_BARE,
    )


def _memory(measured: Sequence[Measured], hostd: dict[str, Figure]) -> Target:
    rss = hostd.get("rss_start_mb")
    parts = next((seen.members for seen in measured if seen.name == "hostd"), [])
    detail = f" ({' + '.join(f'{part / 1e6:.1f}' for part in parts)})" if len(parts) > 1 else ""
    return Target(
        "idle resident memory, all its processes, with everything on",
        f"at most {IDLE_RSS_MB:.0f} MB",
        None if rss is None else f"{rss:.1f} MB{detail}",
        None if rss is None else rss <= IDLE_RSS_MB,
    )


def _version(hostd: dict[str, Figure]) -> Target:
    took, cpu, python = (hostd.get(f"version_{name}") for name in ("seconds", "cpu_seconds", "python_seconds"))
    detail = (
        "" if cpu is None or python is None else f", {cpu:.3f} s of it on a CPU; an empty Python takes {python:.3f} s"
    )
    return Target(
        "hostd --version",
        f"at most {VERSION_SECONDS} s",
        None if took is None else f"{took:.3f} s{detail}",
        None if took is None else took <= VERSION_SECONDS,
    )


def table(measured: Sequence[Measured]) -> str:
    """Return the figures as plain text, a column per target."""
    figures = summary(measured)
    lines = [_row("", [seen.name for seen in measured])]

    def add(label: str, key: str, digits: int) -> None:
        cells = [figures[seen.name].get(key) for seen in measured]
        lines.append(_row(f"  {label}", [_cell(cell, digits) for cell in cells]))

    for workload in WORKLOADS:
        lines.append(f"{workload.title}: request of {len(workload.body()):,} bytes, answer of {workload.tokens} tokens")
        many, one = f"{workload.key}_{MANY}", f"{workload.key}_{ONE}"
        add(f"{MANY} clients: requests/s", f"{many}_requests_per_second", 0)
        add("  times the bare one's", f"{many}_share_of_bare", 2)
        add("  CPU us per request", f"{many}_cpu_us", 0)
        add("  the least of the rounds", f"{many}_least_cpu_us", 0)
        add("  times the bare one's", f"{many}_cpu_times_bare", 2)
        add("  upstream's CPU us", f"{many}_upstream_cpu_us", 0)
        add("  connections to it per 1000", f"{many}_upstream_connections", 1)
        add("1 client: p50 ms", f"{one}_p50_ms", 3)
        add("  p99 ms", f"{one}_p99_ms", 3)
        add("  added p50 ms", f"{one}_added_p50_ms", 3)
        add("  added p99 ms", f"{one}_added_p99_ms", 3)
        add("  CPU us per request", f"{one}_cpu_us", 0)
    lines.append("16 streams paced at 100 tokens/s")
    add("chunks/s", "paced_chunks_per_second", 0)
    add("CPU us per chunk", "paced_cpu_us_per_chunk", 1)
    add("  times the bare one's", "paced_cpu_times_bare", 2)
    lines.append("resident memory, all processes of the gateway")
    add("idle after start MB", "rss_start_mb", 1)
    add("after the load MB", "rss_after_mb", 1)
    return "\n".join(lines)


def _cell(value: Figure, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:,.{digits if digits or value >= 10 else 1}f}"


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{label:<32}" + "".join(f"{cell:>11}" for cell in cells)


def as_json(machine: dict[str, object], measured: Sequence[Measured]) -> dict[str, object]:
    """Return everything: the machine, the figures, the targets, and each round's values."""
    return {
        "machine": machine,
        "figures": summary(measured),
        "targets": [asdict(target) for target in targets(measured)],
        "rounds": [asdict(seen) for seen in measured],
    }
