"""``hostd.simulation.generators``."""

from collections import Counter
from itertools import pairwise
from statistics import fmean

import pytest

from hostd.simulation.generators import GENERATORS, HOUR, LONGEST, generate
from hostd.simulation.trace import TraceRequest
from hostd.simulation.workload import choose_workload
from tests.simulation.example_hosts import usual

CAST = choose_workload(usual())


def made(name: str, *, hours: float = 2.0, seed: int = 1, count: int | None = None) -> list[TraceRequest]:
    """Return a whole trace."""
    return list(generate(name, CAST, hours=hours, seed=seed, count=count))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_trace_is_in_order_and_can_be_made_again(name: str) -> None:
    """By time, within its hours, the same for the same seed and another one for another."""
    trace = made(name)
    assert all(first.at <= second.at for first, second in pairwise(trace))
    assert 0.0 <= trace[0].at
    assert trace == made(name)
    assert trace != made(name, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_everybody_in_the_cast_plays(name: str) -> None:
    """A day of any kind asks for the pair and for the small ones; embeddings have no answer to write."""
    asked = Counter(request.model for request in made(name, hours=24))
    large = {part.model for part in CAST.pair}
    assert large | {"fast", "vectors"} <= set(asked)
    assert all(request.output_tokens == 0 for request in made(name) if request.model == "vectors")


def test_a_count_makes_a_trace_denser_and_its_requests_shorter() -> None:
    """The machine is as busy as before: so many times the requests, so many times shorter."""
    usually, dense = made("steady", hours=4), made("steady", hours=4, count=40_000)
    assert abs(len(dense) - 40_000) < 4_000
    more = len(dense) / len(usually)
    shorter = fmean(each.prompt_tokens for each in usually) / fmean(each.prompt_tokens for each in dense)
    assert 0.7 < more / shorter < 1.4
    assert 20 == len(made("steady", count=20))


def test_conversations_grow_until_they_are_long() -> None:
    """Each prompt holds the one before and its answer; every client has its own, which begins anew in the end."""
    talks: dict[str, list[TraceRequest]] = {}
    for request in made("conversations", hours=4):
        if request.session:
            talks.setdefault(request.session, []).append(request)
    assert len(talks) > 2 * len({name.partition(".")[0] for name in talks}) == 16
    for talk in talks.values():
        assert 1 == len({each.model for each in talk})
        for before, after in pairwise(talk):
            assert before.prompt_tokens + before.output_tokens < after.prompt_tokens <= LONGEST
    assert max(len(talk) for talk in talks.values()) > 10
    assert all(not each.session for each in made("steady"))


@pytest.mark.slow
def test_bursts_come_in_piles() -> None:
    """Most requests for a large model follow another one for it at once; steady agents leave gaps."""

    def close(name: str) -> float:
        times = [request.at for request in made(name, hours=24) if request.model == "reviewer"]
        return sum(second - first < 5.0 for first, second in pairwise(times)) / len(times)

    assert close("bursts") > 0.7
    assert close("steady") < 0.5


@pytest.mark.slow
def test_days_and_nights_differ() -> None:
    """By day it is the first of the pair that works, by night the second; weekends are quiet."""
    first, second = (part.model for part in CAST.pair)
    week = made("day-night", hours=7 * 24)
    day = Counter(request.model for request in week if 10 <= request.at / HOUR % 24 < 16)
    night = Counter(request.model for request in week if request.at / HOUR % 24 < 5)
    assert day[first] > day[second]
    assert night[second] > 5 * night[first]
    weekdays = [request for request in week if request.at < 5 * 24 * HOUR and request.model == first]
    weekend = [request for request in week if request.at >= 5 * 24 * HOUR and request.model == first]
    assert len(weekdays) / 5 > 2 * len(weekend) / 2
