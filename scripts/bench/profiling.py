"""A profile of hostd's hot path: which functions the CPU time of one request, or of one chunk of a stream, goes into.

hostd is sampled (profiled.py says how); how much that slows it is measured: the same load runs without the sampler and with
it in the same process. Shares are of what it costs without.
"""

import asyncio
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import gateways, pacing, processes
from bench.measuring import sample
from bench.workloads import Scenario

ROWS = 35
_PACKAGES = "site-packages/"
_PATIENCE = 10.0
_LONGER = 3


@dataclass(frozen=True)
class Load:
    """What was done under load: how many of which *unit* (request, chunk), and the CPU time of each in microseconds."""

    unit: str
    number: int
    cpu_us: float


def profile(file: Path, target: str, scenario: Scenario | None, seconds: float, folder: Path) -> str:
    """Write the stacks of hostd, as *target*, under *scenario* to *file*, for flame graphs, and return the top of them as text.

    Without a scenario, the load is that of the paced streams. It lasts *seconds* without the sampler and three times that with it.

    Raises:
        BenchError: hostd did not start, or wrote no profile.
    """
    launcher = (sys.executable, str(gateways.HERE / "profiled.py"), str(file.absolute()))
    file.unlink(missing_ok=True)
    with ExitStack() as stack:
        hostd = gateways.start_hostd(stack, folder, launcher=launcher)[target]
        _loaded(hostd, scenario, min(seconds, 1.0), folder)  # the first requests make what later ones find
        plain = _loaded(hostd, scenario, seconds, folder)
        _send(hostd, signal.SIGUSR1)
        seen = _loaded(hostd, scenario, _LONGER * seconds, folder)
        _send(hostd, signal.SIGUSR2)
        _wait_for(file)
    what = (
        f"{scenario.workload.title}, {scenario.connections} clients" if scenario else f"{pacing.STREAMS} paced streams"
    )
    return text(file, f"{target}, {what}", plain, seen)


def _loaded(hostd: gateways.Gateway, scenario: Scenario | None, seconds: float, folder: Path) -> Load:
    if scenario is None:
        paced = asyncio.run(pacing.paced(hostd, seconds))
        return Load("chunk", pacing.STREAMS * pacing.tokens_in(seconds), paced.cpu_us_per_chunk)
    seen = sample(hostd, scenario, seconds, folder)
    return Load("request", seen.requests, seen.cpu_us or 0.0)


def _send(gateway: gateways.Gateway, number: int) -> None:
    if gateway.process is not None:
        gateway.process.send_signal(number)


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not file.exists():
        if time.monotonic() > deadline:
            raise processes.BenchError(f"hostd has written no profile to {file} within {_PATIENCE:.0f} s")
        time.sleep(0.05)


def text(file: Path, what: str, plain: Load, seen: Load) -> str:
    """Return the top of the profile in *file*: by own time and by the time of all that is called."""
    packages: Counter[str] = Counter()
    own: Counter[str] = Counter()
    everything: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        functions = stack.split(";")
        packages[_package(functions[-1])] += int(count)
        own[functions[-1]] += int(count)
        everything.update(dict.fromkeys(functions, int(count)))
    samples = sum(own.values())
    cost = plain.cpu_us / max(samples, 1)

    def row(function: str) -> str:
        return f"{own[function] * cost:>9.1f}{everything[function] * cost:>9.1f}  {_short(function)}"

    ours = [function for function, _ in everything.most_common() if _package(function) == "hostd"]
    return "\n".join(
        [
            f"{what}: {seen.number:,} {seen.unit}s, {samples:,} samples of the stack",
            f"a {plain.unit} costs {plain.cpu_us:.0f} us of CPU, and {seen.cpu_us:.0f} us while the stack is sampled; in us per",
            f"{plain.unit}, a sample is {cost:.1f}, and what was seen n times is uncertain by the root of n:",
            "",
            f"{'own':>9}  package (C code counts for its caller)",
            *(f"{count * cost:>9.1f}  {name}" for name, count in packages.most_common()),
            "",
            f"{'own':>9}{'all':>9}  function, by own time",
            *(row(function) for function, _ in own.most_common(ROWS)),
            "",
            f"{'own':>9}{'all':>9}  function of hostd, with all that it calls",
            *(row(function) for function in ours[:ROWS]),
            "",
            f"all stacks, for flame graphs: {file}",
        ]
    )


def _package(function: str) -> str:
    if function.startswith(str(gateways.ROOT / "hostd")):
        return "hostd"
    if _PACKAGES in function:
        return function.rpartition(_PACKAGES)[2].partition("/")[0].partition(".py:")[0]
    return "asyncio" if "/asyncio/" in function else "the rest of Python's library"


def _short(function: str) -> str:
    file, _, name = function.rpartition(" ")
    if _PACKAGES in file:
        return f"{file.rpartition(_PACKAGES)[2]} {name}"
    if _package(function) == "hostd":
        return f"{file.removeprefix(f'{gateways.ROOT}/')} {name}"
    return f"{'/'.join(Path(file).parts[-2:])} {name}"
