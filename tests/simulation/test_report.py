"""``hostd.simulation.report``: the comparison itself."""

from dataclasses import replace

import pytest

from hostd.cli.traces import shipped_rows
from hostd.domain.profile import KvSettings
from hostd.simulation.baselines import BASELINES
from hostd.simulation.counters import Counters
from hostd.simulation.generators import GENERATORS, generate
from hostd.simulation.public_trace import PUBLIC_TRACES, public_trace
from hostd.simulation.report import HOSTD, POLICIES, Score, replay, score
from hostd.simulation.trace import TraceRequest
from hostd.simulation.workload import choose_workload
from tests.simulation.example_hosts import host_of, model_of, usual

HOST = usual()
CAST = choose_workload(HOST)
HOURS = {"steady": 6.0, "bursts": 8.0, "alternating": 5.0, "day-night": 12.0, "conversations": 3.0}


def run(trace: str) -> dict[str, Score]:
    """Return how every policy does on some hours of a trace."""
    requests = list(generate(trace, CAST, hours=HOURS[trace], seed=1))
    return {name: replay(HOST, name, requests) for name in POLICIES}


@pytest.fixture(scope="module")
def scores() -> dict[str, dict[str, Score]]:
    """Return the whole table."""
    return {trace: run(trace) for trace in GENERATORS}


def test_figures_follow_from_the_count() -> None:
    """Percentiles are nearest ranks of all waits; times are seconds, shares are of the whole time."""
    count = Counters({"a": (10.0, 100.0)})
    for number in range(1, 21):
        count.arrived("a", 0.0)
        count.served("a", float(number), float(number))
    count.load_began(0.0)
    count.load_ended(5.0)
    count.close(20.0)
    found = score("x", count)
    assert (10.0, 19.0, 20.0) == (found.wait_p50, found.wait_p95, found.wait_max)
    assert (20, 20, 10, 0.25) == (found.requests, found.served, found.misses, found.loading)


def test_nothing_asked_is_nothing_waited() -> None:
    """An empty trace has figures, too."""
    assert (0, 0.0, 0.0) == (
        score("x", Counters({})).requests,
        score("x", Counters({})).wait_p95,
        score("x", Counters({})).loading,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_one_model_is_loaded_once(policy: str) -> None:
    """Where nothing competes, all policies are alike: they wait for one load."""
    alone = host_of(model_of("a", 4.0))
    found = replay(alone, policy, [TraceRequest(float(at), "a", 100, 10) for at in range(0, 60, 5)])
    assert (12, 1, 0) == (found.served, found.loads, found.overcommits)


@pytest.mark.slow
@pytest.mark.parametrize("trace", GENERATORS)
def test_a_replay_can_be_repeated(trace: str, scores: dict[str, dict[str, Score]]) -> None:
    """The same trace and policy give the same figures."""
    assert scores[trace][HOSTD] == replay(HOST, HOSTD, generate(trace, CAST, hours=HOURS[trace], seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("trace", GENERATORS)
def test_every_request_has_its_end(trace: str, scores: dict[str, dict[str, Score]]) -> None:
    """Served or refused, none is lost; hostd breaks no answer off and never promises more memory than there is."""
    for found in scores[trace].values():
        assert found.requests == found.served + found.refused
    ours = scores[trace][HOSTD]
    assert (0, 0) == (ours.broken, ours.overcommits)


@pytest.mark.slow
@pytest.mark.parametrize("peer", BASELINES)
@pytest.mark.parametrize("trace", GENERATORS)
def test_no_peer_misses_less(trace: str, peer: str, scores: dict[str, dict[str, Score]]) -> None:
    """On no kind of day does a peer miss fewer time-outs, or as few with no more loads and a lower p95 wait."""
    ours, theirs = scores[trace][HOSTD], scores[trace][peer]
    assert not theirs.better_than(ours)


@pytest.mark.slow
@pytest.mark.parametrize("peer", BASELINES)
def test_no_request_starves_longer_than_with_others(peer: str, scores: dict[str, dict[str, Score]]) -> None:
    """Where two models are busy all the time, the longest time without service is no longer than a peer's by a tenth."""
    ours, theirs = scores["alternating"][HOSTD], scores["alternating"][peer]
    assert ours.starved < 1.1 * theirs.starved


@pytest.mark.slow
@pytest.mark.parametrize("trace", ["alternating", *PUBLIC_TRACES])
def test_an_hour_of_clients_in_a_hurry(trace: str) -> None:
    """With queue timeouts of 30 seconds, on the traces that are hardest, no peer misses fewer by a fiftieth.

    Where all swap alike, hostd looks at a model's files first and keeps an idle model for a moment, which costs one or two;
    scripts/replays tells more.
    """
    host = usual(queue_timeout=30.0)
    if trace in PUBLIC_TRACES:
        requests = public_trace(host, CAST, shipped_rows(trace)[:1000])
    else:
        requests = list(generate(trace, CAST, hours=0.5, seed=2))
    ours = replay(host, HOSTD, requests)
    assert 0 < ours.misses <= 1.02 * min(replay(host, peer, requests).misses for peer in BASELINES)


def test_kept_conversations_are_read_again_by_nobody() -> None:
    """Policies are compared by what each loses: files keep conversations over swaps for hostd alone, where they are wanted."""
    requests = list(generate("conversations", CAST, hours=1.0, seed=3))
    kept = {
        name: replace(model, profile=replace(model.profile, kv=KvSettings(save=True)))
        for name, model in HOST.models.items()
    }
    plain, saving = replay(HOST, HOSTD, requests), replay(replace(HOST, models=kept), HOSTD, requests)
    peer = replay(replace(HOST, models=kept), "lru-memory", requests)
    assert 0.05 < plain.reused < 0.5 < saving.reused
    assert peer.reused < 0.5
    assert saving.first_p95 < plain.first_p95
    assert saving.misses <= min(plain.misses, peer.misses)
    assert (0.0, 0.0) == (replay(HOST, HOSTD, []).reused, replay(HOST, HOSTD, []).first_p95)


def test_missed_timeouts_count_first() -> None:
    """Then loads and the p95 wait, but for what looking at a model's files takes."""
    ours = replay(HOST, HOSTD, [])
    worse, slower = replace(ours, misses=1), replace(ours, wait_p95=2.0)
    assert ours.better_than(worse)
    assert not replace(worse, loads=0, wait_p95=0.0).better_than(ours)
    assert ours.better_than(slower)
    assert not replace(ours, loads=1).better_than(slower)
    assert not ours.better_than(replace(ours, wait_p95=0.05))
