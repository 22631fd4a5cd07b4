"""Generated traces: streams of requests, each with its own rate, merged by time.

No generator knows a policy. Load is given as a share of what a model can serve, so that the same trace suits fast and slow
machines; gaps are exponential, as of independent clients.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from hostd.simulation.rng import SplitMix
from hostd.simulation.trace import TraceRequest
from hostd.simulation.workload import Workload, WorkloadRole

HOUR = 3600.0
LONGEST = 20_000
"""Tokens after which a conversation is begun anew."""
WEEK = 7 * 24
"""Hours. Traces begin on a Monday at midnight."""

Rate = Callable[[float], float]
"""A factor on a stream's usual rate, by time (seconds from the beginning)."""


@dataclass(frozen=True, slots=True)
class RequestStream:
    """Requests of one client to a model, or to several in turn.

    While the client is active a request arrives every *gap* seconds on average, or a volley of about *volley* of them, a quarter
    of an answer's time apart; each of its *parts* is asked in turn. It is active for about *work* seconds, then pauses for about
    *pause* (0: never). With *grows* its requests are a conversation, to which each adds about so many tokens and the last answer,
    and which begins anew once it is `LONGEST` tokens long. *hours* is the probability that it sends at that time of the week.
    """

    parts: tuple[WorkloadRole, ...]
    gap: float
    work: float = 0.0
    pause: float = 0.0
    volley: int = 1
    grows: int = 0
    hours: Rate = lambda _: 1.0

    def expected(self, hours: float) -> float:
        """Return the expected number of requests in the first *hours* of the week."""
        at_work = self.work / (self.work + self.pause) if self.pause else 1.0
        steps = max(1, round(2 * hours))
        likely = sum(self.hours(hours * HOUR * (step + 0.5) / steps) for step in range(steps)) / steps
        return self.volley / self.gap * at_work * likely * hours * HOUR


@dataclass(frozen=True, slots=True)
class TraceScale:
    """How much denser than usual a trace is: gaps and lengths both shrink by *density*, so that the machine is as busy."""

    seconds: float
    density: float = 1.0


def steady(workload: Workload) -> list[RequestStream]:
    """Agents at work all day: one model in constant use, small ones beside it, and the others for a while now and then."""
    main, second = workload.pair
    return [
        *(_agent(main, busy=0.13, work=1500, pause=300) for _ in range(3)),
        _agent(second, busy=0.22, work=180, pause=900),
        *_agents(workload.others, busy=0.22, work=300, pause=1500),
        *(RequestStream((part,), 10.0) for part in workload.small),
    ]


def bursts(workload: Workload) -> list[RequestStream]:
    """Jobs that send a pile of requests at once, to one model or to two in turn (a draft, its review), while agents go on."""
    return [
        *(RequestStream((part,), 1800.0, volley=15) for part in workload.pair),
        *([RequestStream(workload.others, 1200.0, volley=30)] if workload.others else []),
        _agent(workload.pair[0], busy=0.09, work=600, pause=1200),
        *(RequestStream((part,), 20.0) for part in workload.small),
        *(RequestStream((part,), 900.0, volley=40) for part in workload.small),
    ]


def alternating(workload: Workload) -> list[RequestStream]:
    """Two models that do not fit together, both kept busy by several agents at once, and small ones beside them."""
    return [
        *(_agent(part, busy=0.15, work=600, pause=300) for part in workload.pair for _ in range(3)),
        *(RequestStream((part,), 10.0) for part in workload.small),
    ]


def day_night(workload: Workload) -> list[RequestStream]:
    """Interactive use by day, on weekdays above all, and long jobs on another model by night."""
    main, second = workload.pair
    return [
        *(_agent(main, busy=0.18, work=1200, pause=600, hours=_office) for _ in range(3)),
        _agent(second, busy=0.13, work=300, pause=1200, hours=_office),
        *_agents(workload.others, busy=0.18, work=300, pause=900, hours=_office),
        _agent(second, busy=0.52, work=1800, pause=1200, hours=_night),
        *(RequestStream((part,), 10.0, hours=_office) for part in workload.small),
        *(RequestStream((part,), 60.0) for part in workload.small),
    ]


def conversations(workload: Workload) -> list[RequestStream]:
    """Agents whose conversations grow from step to step, on two models that do not fit together, and small ones beside them."""
    return [
        *(_agent(part, busy=0.09, work=900, pause=900, grows=600) for part in workload.pair for _ in range(4)),
        *(RequestStream((part,), 10.0) for part in workload.small),
    ]


def _agent(
    *parts: WorkloadRole, busy: float, work: float, pause: float, grows: int = 0, hours: Rate = lambda _: 1.0
) -> RequestStream:
    """Return the stream of a client that uses the share *busy* of its models' throughput."""
    least = sum(part.seconds_alone / part.throughput for part in parts) / len(parts)
    return RequestStream(parts, least / busy, work, pause, grows=grows, hours=hours)


def _agents(
    parts: tuple[WorkloadRole, ...], *, busy: float, work: float, pause: float, hours: Rate = lambda _: 1.0
) -> list[RequestStream]:
    """Return the stream of one client that uses *parts* in turn (one drafts, the other reviews); none without parts."""
    return [_agent(*parts, busy=busy, work=work, pause=pause, hours=hours)] if parts else []


GENERATORS: dict[str, Callable[[Workload], list[RequestStream]]] = {
    "steady": steady,
    "bursts": bursts,
    "alternating": alternating,
    "day-night": day_night,
    "conversations": conversations,
}


def generate(
    name: str, workload: Workload, *, hours: float, seed: int, count: int | None = None
) -> Iterator[TraceRequest]:
    """Yield the requests of the trace called *name*, one of `GENERATORS`, by time.

    With *count*, the same hours hold about so many requests, shortened in proportion; never more than *count*.
    """
    demand = GENERATORS[name](workload)
    usual = sum(stream.expected(hours) for stream in demand)
    scale = TraceScale(hours * HOUR, 1.0 if count is None else max(1.0, count / usual))
    streams = [
        _stream(stream, SplitMix(seed, name, number), scale, str(number)) for number, stream in enumerate(demand)
    ]
    merged: Iterator[TraceRequest] = heapq.merge(*streams, key=attrgetter("at"))
    for number, request in enumerate(merged):
        if number == count:
            return
        yield request


def _stream(stream: RequestStream, rng: SplitMix, scale: TraceScale, client: str) -> Iterator[TraceRequest]:
    """Yield the requests of one *client*."""
    talk = GrowingConversation(stream, client, scale)
    gap = stream.gap / scale.density
    now, until, turn = 0.0, float("inf"), 0
    if stream.pause:
        now = rng.wait(stream.pause)
        until = now + rng.wait(stream.work)
    while True:
        now += rng.wait(gap)
        while now > until:
            now = until + rng.wait(stream.pause) + rng.wait(gap)
            until = now + rng.wait(stream.work)
        if rng.uniform() >= stream.hours(now):
            if now >= scale.seconds:
                return
            continue
        for left in range(_pile(stream, rng), 0, -1):
            if now >= scale.seconds:
                return
            part = stream.parts[turn % len(stream.parts)]
            turn += 1
            request = _request(part, rng, scale, now)
            yield talk.going_on(request, rng) if stream.grows else request
            now += rng.wait(part.seconds_alone / 4 / scale.density) if left > 1 else 0.0


def _pile(stream: RequestStream, rng: SplitMix) -> int:
    return 1 if stream.volley == 1 else max(1, round(rng.size(stream.volley)))


def _request(part: WorkloadRole, rng: SplitMix, scale: TraceScale, now: float) -> TraceRequest:
    prompt, output = (rng.size(mean) / scale.density for mean in (part.prompt_tokens, part.output_tokens))
    return TraceRequest(now, part.model, max(1, round(prompt)), round(output))


class GrowingConversation:
    """The conversation of one *client*, in the requests of its *stream*."""

    def __init__(self, stream: RequestStream, client: str, scale: TraceScale) -> None:
        self._grows = stream.grows / scale.density
        self._longest = LONGEST / scale.density
        self._client = client
        self._count = self._tokens = 0

    def going_on(self, request: TraceRequest, rng: SplitMix) -> TraceRequest:
        """Return *request* as the next step: with all that was said before, and some more."""
        more = max(1, round(rng.size(self._grows)))
        if not self._tokens or self._tokens + more > self._longest:
            self._count += 1
            self._tokens, more = 0, request.prompt_tokens
        prompt = self._tokens + more
        self._tokens = prompt + request.output_tokens
        return replace(request, prompt_tokens=prompt, session=f"{self._client}.{self._count}")


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
