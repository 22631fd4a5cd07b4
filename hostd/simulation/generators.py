"""Days that somebody might have: traces made of streams of requests, each with its own habits, merged by time.

Nothing in them knows a policy. How busy agents are is said as a share of what their model can do, so that the same day suits
fast and slow machines; gaps are those of independent clients, who do not wait for each other.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from hostd.simulation.rng import Dice
from hostd.simulation.trace import Request
from hostd.simulation.workload import Cast, Part

HOUR = 3600.0
WEEK = 7 * 24
"""Hours. Traces begin on a Monday at midnight."""

Rate = Callable[[float], float]
"""How busy a stream is at a time (seconds from the beginning): a factor on its usual rate."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How one client uses a model, or several in turn.

    While it is at work a request comes every *gap* seconds on average, or a volley of about *volley* of them, a quarter of an
    answer's time apart; each of its *parts* is asked in turn. It works for about *work* seconds, then pauses for about *pause*
    (0: it never does). *hours* says how likely it does what it would do at that time of the week.
    """

    parts: tuple[Part, ...]
    gap: float
    work: float = 0.0
    pause: float = 0.0
    volley: int = 1
    hours: Rate = lambda _: 1.0

    def expected(self, hours: float) -> float:
        """Return how many requests are to be expected in the first *hours* of the week."""
        at_work = self.work / (self.work + self.pause) if self.pause else 1.0
        steps = max(1, round(2 * hours))
        likely = sum(self.hours(hours * HOUR * (step + 0.5) / steps) for step in range(steps)) / steps
        return self.volley / self.gap * at_work * likely * hours * HOUR


@dataclass(frozen=True, slots=True)
class Scale:
    """How much denser than usual a trace is: gaps and lengths both shrink by *density*, so that the machine is as busy."""

    seconds: float
    density: float = 1.0


def steady(cast: Cast) -> list[Habit]:
    """Agents at work all day: one model in constant use, small ones beside it, and the others for a while now and then."""
    main, second = cast.pair
    return [
        *(_agent(main, busy=0.13, work=1500, pause=300) for _ in range(3)),
        _agent(second, busy=0.22, work=180, pause=900),
        *_agents(cast.others, busy=0.22, work=300, pause=1500),
        *(Habit((part,), 10.0) for part in cast.small),
    ]


def bursts(cast: Cast) -> list[Habit]:
    """Jobs that send a pile of requests at once, to one model or to two in turn (a draft, its review), while agents go on."""
    return [
        *(Habit((part,), 1800.0, volley=15) for part in cast.pair),
        *([Habit(cast.others, 1200.0, volley=30)] if cast.others else []),
        _agent(cast.pair[0], busy=0.09, work=600, pause=1200),
        *(Habit((part,), 20.0) for part in cast.small),
        *(Habit((part,), 900.0, volley=40) for part in cast.small),
    ]


def alternating(cast: Cast) -> list[Habit]:
    """Two models that do not fit together, both kept busy by several agents at once, and small ones beside them."""
    return [
        *(_agent(part, busy=0.15, work=600, pause=300) for part in cast.pair for _ in range(3)),
        *(Habit((part,), 10.0) for part in cast.small),
    ]


def day_night(cast: Cast) -> list[Habit]:
    """People by day, on weekdays above all, and long jobs on another model by night."""
    main, second = cast.pair
    return [
        *(_agent(main, busy=0.18, work=1200, pause=600, hours=_office) for _ in range(3)),
        _agent(second, busy=0.13, work=300, pause=1200, hours=_office),
        *_agents(cast.others, busy=0.18, work=300, pause=900, hours=_office),
        _agent(second, busy=0.52, work=1800, pause=1200, hours=_night),
        *(Habit((part,), 10.0, hours=_office) for part in cast.small),
        *(Habit((part,), 60.0) for part in cast.small),
    ]


def _agent(*parts: Part, busy: float, work: float, pause: float, hours: Rate = lambda _: 1.0) -> Habit:
    """Return the habit of a client that asks for the share *busy* of all that its models can do at the same time."""
    least = sum(part.seconds / part.throughput for part in parts) / len(parts)
    return Habit(parts, least / busy, work, pause, hours=hours)


def _agents(
    parts: tuple[Part, ...], *, busy: float, work: float, pause: float, hours: Rate = lambda _: 1.0
) -> list[Habit]:
    """Return the habit of one client that uses *parts* in turn, as one drafts and the other reviews; none without them."""
    return [_agent(*parts, busy=busy, work=work, pause=pause, hours=hours)] if parts else []


GENERATORS: dict[str, Callable[[Cast], list[Habit]]] = {
    "steady": steady,
    "bursts": bursts,
    "alternating": alternating,
    "day-night": day_night,
}


def generate(name: str, cast: Cast, *, hours: float, seed: int, count: int | None = None) -> Iterator[Request]:
    """Yield the requests of the day called *name*, one of `GENERATORS`, by time.

    With *count*, about so many come in these hours, shorter ones by as much as they are more; never more than that.
    """
    habits = GENERATORS[name](cast)
    usual = sum(habit.expected(hours) for habit in habits)
    scale = Scale(hours * HOUR, 1.0 if count is None else max(1.0, count / usual))
    streams = [_stream(habit, Dice(seed, name, number), scale) for number, habit in enumerate(habits)]
    merged: Iterator[Request] = heapq.merge(*streams, key=attrgetter("at"))
    for number, request in enumerate(merged):
        if number == count:
            return
        yield request


def _stream(habit: Habit, dice: Dice, scale: Scale) -> Iterator[Request]:
    """Yield the requests of one client."""
    gap = habit.gap / scale.density
    now, until, turn = 0.0, float("inf"), 0
    if habit.pause:
        now = dice.wait(habit.pause)
        until = now + dice.wait(habit.work)
    while True:
        now += dice.wait(gap)
        while now > until:
            now = until + dice.wait(habit.pause) + dice.wait(gap)
            until = now + dice.wait(habit.work)
        if dice.uniform() >= habit.hours(now):
            if now >= scale.seconds:
                return
            continue
        for left in range(_pile(habit, dice), 0, -1):
            if now >= scale.seconds:
                return
            part = habit.parts[turn % len(habit.parts)]
            turn += 1
            yield _request(part, dice, scale, now)
            now += dice.wait(part.seconds / 4 / scale.density) if left > 1 else 0.0


def _pile(habit: Habit, dice: Dice) -> int:
    return 1 if habit.volley == 1 else max(1, round(dice.size(habit.volley)))


def _request(part: Part, dice: Dice, scale: Scale, now: float) -> Request:
    prompt, output = (dice.size(mean) / scale.density for mean in (part.prompt_tokens, part.output_tokens))
    return Request(now, part.model, max(1, round(prompt)), round(output))


def _clock(now: float) -> tuple[int, float]:
    """Return the day of the week (Monday is 0) and the hour of the day."""
    hour = now / HOUR % WEEK
    return int(hour // 24), hour % 24


def _office(now: float) -> float:
    day, hour = _clock(now)
    if not 8 <= hour < 19:
        return 0.05
    return 0.3 if day >= 5 else 1.0


def _night(now: float) -> float:
    _, hour = _clock(now)
    return 0.0 if 6 <= hour < 22 else 1.0
