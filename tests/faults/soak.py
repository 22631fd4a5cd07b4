"""Many clients for a long time in virtual time, whose provider fails at random; some clients leave in the middle of an answer."""

import asyncio
import random
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.catalogue import LIMITED, TOO_LONG
from tests.faults.provoked import OTHER, TOKENS, Json, Observed, Provoked

MODELS = ("first", "second", "third")
LIMITS = {"total_timeout": 120.0}
LONGEST = 125.0
"""Seconds within which a request must have an end: a little more than its whole time."""
PLANS = 5000
SOUND = 0.6
"""Share of requests that meet no fault."""
THINKS = 5.0
"""Seconds between two requests of a client, at most."""
PACES: tuple[Json, ...] = ({}, {"token_delay": 0.02}, {"first_token_delay": 2.0}, {"token_delay": 0.1})
FAULTS: tuple[Json, ...] = (
    {"status": 500},
    {"status": 503},
    {"status": 429},
    LIMITED,
    TOO_LONG,
    {"reset": True},
    {"hang": True},
    {"first_token_delay": 25},
    {"cut_after": 0},
    {"cut_after": 30},
    {"cut_after": 30, "cut_with": "reset"},
    {"stall_after": 20},
    {"stall_after": 20, "stall": 8},
    {"garbage_after": 12},
    {"error_after": 12},
    {"ends_after": 12},
    {"finish": ""},
    {"no_done": True},
)


@dataclass
class Report:
    """How requests ended, after how many seconds; *faults* are what must never happen."""

    seed: int
    endings: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lasted: float = 0.0
    took: float = 0.0
    grown: int = 0

    @property
    def lines(self) -> list[str]:
        """The report."""
        waited = sorted(self.seconds) or [0.0]
        endings = ", ".join(f"{count} {word}" for word, count in self.endings.most_common())
        median, p99 = waited[len(waited) // 2], waited[int(0.99 * (len(waited) - 1))]
        return [
            f"{self.endings.total()} requests in {self.lasted:.0f} s of virtual time ({self.took:.0f} s of real), seed {self.seed}",
            f"endings: {endings}",
            f"an ending took {median:.1f} s (median), {p99:.1f} (99 %), {waited[-1]:.1f} (longest)",
            f"memory of Python's own: {self.grown / 2**20:+.1f} MiB from the first quarter to the end",
            *(f"FAULT {fault}" for fault in self.faults),
        ]


async def soak(provoked: Provoked, *, seconds: float, clients: int, seed: int, measured: bool = True) -> Report:
    """Ask the `MODELS` of *provoked* for so many virtual *seconds*; memory is looked at if *measured*, which takes long."""
    rng = random.Random(seed)
    names = [name for model in MODELS for name in (model, f"{model}{OTHER}")]
    provoked.provider.set_script({"models": {name: _plans(rng) for name in names}})
    report, clock = Report(seed), asyncio.get_running_loop().time
    began, real = clock(), time.monotonic()
    if measured:
        tracemalloc.start()
    first = asyncio.create_task(_measured(seconds / 4))
    await asyncio.gather(
        *(_client(provoked, report, random.Random(f"{seed} {n}"), began + seconds) for n in range(clients))
    )
    report.lasted, report.took = clock() - began, time.monotonic() - real
    # What is still under way at the provider is let go of by now.
    await asyncio.sleep(1)
    report.grown = tracemalloc.get_traced_memory()[0] - await first
    tracemalloc.stop()
    held = [name for name in names if not provoked.at_rest(name)]
    report.faults += [f"'{name}' still holds a slot, or a place in its queue" for name in held]
    return report


async def _measured(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return tracemalloc.get_traced_memory()[0]


def _plans(rng: random.Random) -> list[Json]:
    """Return what happens to the requests for a model: phases in which all is well, and others in which much is not."""
    plans: list[Json] = []
    while len(plans) < PLANS:
        sound = rng.choice((1.0, SOUND, 0.1))
        for _ in range(rng.randrange(5, 40)):
            fault = {} if rng.random() < sound else rng.choice(FAULTS)
            plans.append({"tokens": TOKENS} | rng.choice(PACES) | fault)
    return plans


async def _client(provoked: Provoked, report: Report, rng: random.Random, until: float) -> None:
    clock = asyncio.get_running_loop().time
    while clock() < until:
        await asyncio.sleep(rng.random() * THINKS)
        body: dict[str, Any] = {"stream": rng.random() < 0.6}
        began, leaves = clock(), rng.random() < 0.1
        patience = rng.random() * 5 if leaves else LONGEST
        provoked.provider.asked.clear()
        try:
            async with asyncio.timeout(patience):
                answer = await provoked.stage.ask(rng.choice(MODELS), **body)
        except TimeoutError:
            report.endings["left" if leaves else "no end"] += 1
            if not leaves:
                report.faults.append(f"no end within {LONGEST:.0f} s: {body}")
            continue
        seen = Observed(answer, clock() - began, (), began)
        report.seconds.append(seen.seconds)
        word = seen.ending if answer.status == 200 else f"status {answer.status}"
        report.endings["broken off by an error" if word == "error" else word] += 1
        if word == "truncated" or answer.cut:
            report.faults.append(f"half an answer looks whole: {answer.body[-200:]!r}")
        elif answer.status in {429, 503} and "Retry-After" not in answer.headers:
            report.faults.append(f"status {answer.status} without Retry-After")
        elif answer.status not in {200, 400, 429, 502, 503, 504}:
            report.faults.append(f"status {answer.status}: {answer.body[:200]!r}")
