"""A profile of hostd's hot path: which functions one request runs through, and what each costs.

cProfile counts every call of the event loop's thread, and by that makes calls dearer than they are: small functions more than
large ones, and C code not at all. How much dearer is measured: the same load runs without it and with it in the same process.
"""

import pstats
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench import gateways, processes
from bench.measuring import Sample, sample
from bench.workloads import Scenario

Call = tuple[str, int, str]
Entry = tuple[int, int, float, float, object]

ROWS = 35
_PACKAGES = "site-packages/"
_PATIENCE = 10.0
_WAITING = "(waiting for events)"


def profile(file: Path, scenario: Scenario, seconds: float, folder: Path) -> str:
    """Write the profile of hostd under *scenario* to *file*, for pstats and its viewers, and return its top as text.

    Raises:
        BenchError: hostd did not start, or wrote no profile.
    """
    launcher = (sys.executable, str(gateways.HERE / "profiled.py"), str(file.absolute()))
    file.unlink(missing_ok=True)
    with ExitStack() as stack:
        hostd, upstream = gateways.start_hostd(stack, folder, launcher)
        running = gateways.Running([hostd], upstream, {})
        sample(running, hostd, scenario, min(seconds, 1.0), folder)  # the first requests make what later ones find
        plain = sample(running, hostd, scenario, seconds, folder)
        if hostd.process is not None:
            hostd.process.send_signal(signal.SIGUSR1)
            seen = sample(running, hostd, scenario, seconds, folder)
            hostd.process.send_signal(signal.SIGUSR2)
        _wait_for(file)
    return text(file, scenario, plain, seen)


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not file.exists():
        if time.monotonic() > deadline:
            raise processes.BenchError(f"hostd has written no profile to {file} within {_PATIENCE:.0f} s")
        time.sleep(0.05)


def text(file: Path, scenario: Scenario, plain: Sample, seen: Sample) -> str:
    """Return the top of the profile in *file*: per request, by own time and by the time of all that is called."""
    entries: Mapping[Call, Entry] = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    requests = seen.requests
    own = sum(entry[2] for call, entry in entries.items() if _package(call) != _WAITING) / requests * 1e6
    before, under = (1000 * (each.cpu_seconds or 0.0) for each in (plain, seen))
    ours = sum(entry[1] for call, entry in entries.items() if _package(call) == "hostd") / requests
    lines = [
        f"hostd under cProfile: {scenario.workload.title}, {scenario.connections} clients, {requests:,} requests",
        f"a request costs {before:.0f} us of CPU without the profiler and {under:.0f} us with it: times below are",
        f"{under / before if before else 0:.1f} times too long, of small functions more, of C code less",
        f"the profile accounts for {own:.0f} us and {ours:.0f} calls of hostd's own functions a request;",
        "a coroutine is called once for its start and once each time that it goes on; everything below is per request",
        "",
        f"{'own us':>9}  package",
        *(f"{each:>9.1f}  {name}" for name, each in _by_package(entries, requests)),
        "",
        f"{'calls':>9}{'own us':>9}{'all us':>9}  function, by own time",
        *_rows(sorted(entries.items(), key=lambda item: -item[1][2])[:ROWS], requests),
        "",
        f"{'calls':>9}{'own us':>9}{'all us':>9}  function of hostd, by all time",
        *_rows(
            sorted((item for item in entries.items() if _package(item[0]) == "hostd"), key=lambda item: -item[1][3])[
                :ROWS
            ],
            requests,
        ),
        "",
        f"all of it: python -m pstats {file}",
    ]
    return "\n".join(lines)


def _rows(items: Iterable[tuple[Call, Entry]], requests: int) -> list[str]:
    return [
        f"{calls / requests:>9.2f}{own / requests * 1e6:>9.1f}{everything / requests * 1e6:>9.1f}  {_name(call)}"
        for call, (_, calls, own, everything, _) in items
    ]


def _by_package(entries: Mapping[Call, Entry], requests: int) -> list[tuple[str, float]]:
    sums: dict[str, float] = defaultdict(float)
    for call, entry in entries.items():
        sums[_package(call)] += entry[2] / requests * 1e6
    return sorted(((name, own) for name, own in sums.items() if own >= 0.1), key=lambda pair: -pair[1])


def _package(call: Call) -> str:
    file = call[0]
    if file.startswith(str(gateways.ROOT / "hostd")):
        return "hostd"
    if _PACKAGES in file:
        return file.rpartition(_PACKAGES)[2].partition("/")[0].removesuffix(".py")
    if file == "~":
        return _WAITING if "'select." in call[2] else "C functions"
    return "asyncio" if "/asyncio/" in file else "the rest of Python's library"


def _name(call: Call) -> str:
    file, line, function = call
    if file == "~":
        return function
    short = file.rpartition(_PACKAGES)[2] if _PACKAGES in file else file.removeprefix(f"{gateways.ROOT}/")
    if short == file:
        short = "/".join(Path(file).parts[-2:])
    return f"{short}:{line} {function}"
