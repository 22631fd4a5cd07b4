"""From rounds to figures: medians, what each gateway adds, the table, and hostd's targets."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from bench.load import Figures
from bench.pacing import Paced

ADDED_P50_MS = 0.5
SHARE_OF_BARE = 0.60
IDLE_RSS_MB = 80.0


@dataclass(frozen=True)
class Scenario:
    """One kind of load at full speed."""

    key: str
    title: str
    connections: int
    stream: bool


SCENARIOS = (
    Scenario("whole_1", "JSON answer, 1 connection", 1, stream=False),
    Scenario("whole_32", "JSON answer, 32 connections", 32, stream=False),
    Scenario("stream_1", "stream written at once, 1 connection", 1, stream=True),
    Scenario("stream_32", "stream written at once, 32 connections", 32, stream=True),
)


@dataclass
class Measured:
    """Everything seen of one target, a value per round."""

    name: str
    full: dict[str, list[Figures]] = field(default_factory=lambda: {scenario.key: [] for scenario in SCENARIOS})
    paced: list[Paced] = field(default_factory=list)
    rss_start: int | None = None
    rss_after: int | None = None


@dataclass(frozen=True)
class Target:
    """One of hostd's targets: the figure (None: not measured in this run) and whether it is good enough."""

    name: str
    bound: str
    value: str | None
    met: bool | None

    def __str__(self) -> str:
        verdict = {None: "not measured", True: "PASS", False: "MISS"}[self.met]
        return f"  {verdict:<13} {self.name}: {self.value or '-'} (target: {self.bound})"


Figure = float | None


def _median(values: Sequence[float]) -> Figure:
    return statistics.median(values) if values else None


def _paired(ours: Sequence[float], theirs: Sequence[float], *, ratio: bool) -> Figure:
    """Return the median difference (or ratio) within a round; neighbours in time share the machine's mood."""
    return _median([a / b if ratio else a - b for a, b in zip(ours, theirs, strict=True)])


def summary(measured: Sequence[Measured]) -> dict[str, dict[str, Figure]]:
    """Return every figure by target: medians over the rounds; what is added over direct from pairs within a round."""
    direct = next((seen for seen in measured if seen.name == "direct"), None)
    return {seen.name: _figures(seen, direct) for seen in measured}


def _figures(seen: Measured, direct: Measured | None) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for key, rounds in seen.full.items():
        figures[f"{key}_requests_per_second"] = _median([each.requests_per_second for each in rounds])
        for figure in ("p50_ms", "p99_ms"):
            ours = [float(getattr(each, figure)) for each in rounds]
            figures[f"{key}_{figure}"] = _median(ours)
            if direct is not None and direct is not seen:
                base = [float(getattr(each, figure)) for each in direct.full[key]]
                figures[f"{key}_added_{figure}"] = _paired(ours, base, ratio=False)
    figures["paced_chunks_per_second"] = _median([each.chunks_per_second for each in seen.paced])
    figures["paced_cpu_us_per_chunk"] = _median([each.cpu_us_per_chunk for each in seen.paced])
    figures["rss_start_mb"] = None if seen.rss_start is None else seen.rss_start / 1e6
    figures["rss_after_mb"] = None if seen.rss_after is None else seen.rss_after / 1e6
    return figures


def targets(measured: Sequence[Measured]) -> list[Target]:
    """Return hostd's three targets, judged."""
    figures = summary(measured)
    by_name = {seen.name: seen for seen in measured}
    hostd, bare = by_name.get("hostd"), by_name.get("bare")
    added = figures.get("hostd", {}).get("whole_1_added_p50_ms")
    rss = figures.get("hostd", {}).get("rss_start_mb")
    share = None
    if hostd and bare:
        speed = [[each.requests_per_second for each in seen.full["whole_32"]] for seen in (hostd, bare)]
        share = _paired(speed[0], speed[1], ratio=True)
    return [
        Target(
            "added p50 at one client",
            f"at most {ADDED_P50_MS} ms",
            None if added is None else f"{added:.3f} ms",
            None if added is None else added <= ADDED_P50_MS,
        ),
        Target(
            "requests/s at 32 clients, as a share of the bare pass-through's",
            f"at least {SHARE_OF_BARE:.0%}",
            None if share is None else f"{share:.1%}",
            None if share is None else share >= SHARE_OF_BARE,
        ),
        Target(
            "idle resident memory",
            f"at most {IDLE_RSS_MB:.0f} MB",
            None if rss is None else f"{rss:.1f} MB",
            None if rss is None else rss <= IDLE_RSS_MB,
        ),
    ]


def table(measured: Sequence[Measured]) -> str:
    """Return the figures as plain text, a column per target."""
    figures = summary(measured)
    lines = [_row("", [seen.name for seen in measured])]

    def add(label: str, key: str, digits: int) -> None:
        cells = [figures[seen.name].get(key) for seen in measured]
        lines.append(_row(f"  {label}", ["-" if cell is None else f"{cell:,.{digits}f}" for cell in cells]))

    for scenario in SCENARIOS:
        lines.append(scenario.title)
        add("requests/s", f"{scenario.key}_requests_per_second", 0)
        for label in ("p50 ms", "p99 ms", "added p50 ms", "added p99 ms"):
            add(label, f"{scenario.key}_{label.replace(' ', '_')}", 3)
    lines.append("16 streams paced at 100 tokens/s")
    add("chunks/s", "paced_chunks_per_second", 0)
    add("gateway CPU us/chunk", "paced_cpu_us_per_chunk", 1)
    lines.append("resident memory, all processes of the gateway")
    add("idle after start MB", "rss_start_mb", 1)
    add("after the load MB", "rss_after_mb", 1)
    return "\n".join(lines)


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{label:<28}" + "".join(f"{cell:>12}" for cell in cells)


def as_json(machine: dict[str, object], measured: Sequence[Measured]) -> dict[str, object]:
    """Return everything: the machine, the figures, the targets, and each round's values."""
    return {
        "machine": machine,
        "figures": summary(measured),
        "targets": [asdict(target) for target in targets(measured)],
        "rounds": [asdict(seen) for seen in measured],
    }
