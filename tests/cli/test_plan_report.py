"""A plan as plain data, as sentences, and as a table."""

from dataclasses import replace

import pytest

from hostd.cli.plan_report import explain, report, show, useful_levers
from hostd.domain.footprint import Component, Footprint, Span
from hostd.domain.host import Host
from hostd.planning.footprint.levers import Lever
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.fit import Fit, decide
from hostd.planning.warm_set.joint_plan import JointPlan
from hostd.planning.warm_set.load_option import plus, pool_budgets
from hostd.sizing.candidates import PlanCandidate, RemoteModel
from hostd.sizing.load_options import SizedVariant
from tests.planning.machines import GIB, machine, options, serving_mode, single

CARD, CARDS = machine(24), machine(24, 24)


def levered(each: ServingMode) -> ServingMode:
    """Return a serving mode with one lever."""
    return replace(each, levers=lambda *_: [Lever("--slots 1", GIB)])


def loaded(name: str, gib: int, at: float | None = 0.0) -> EvictionCandidate:
    """Return a loaded model that may be evicted."""
    return EvictionCandidate(name, 1.0, {"cuda:0": gib * GIB}, at)


def decided(each: ServingMode, host: Host = CARD, *candidates: EvictionCandidate) -> Fit:
    """Return the verdict on a host that holds nothing but *candidates*."""
    free = pool_budgets(host)
    for candidate in candidates:
        free = plus(free, {pool: -count for pool, count in candidate.bytes.items()})
    fit = decide(options(host, each), free, candidates)
    assert fit
    return fit


def model(each: ServingMode) -> PlanCandidate:
    """Return a model with one variant."""
    return PlanCandidate("m", (SizedVariant(0, each),))


@pytest.mark.parametrize(
    ("each", "host", "loaded", "said"),
    [
        (serving_mode(20), CARD, (), "fits on cuda:0, with at most 20.0 GiB in all"),
        (serving_mode(20), machine(), (), "fits on ram, with at most 20.0 GiB in all"),
        (serving_mode(40), CARDS, (), "fits when split over cuda:0, cuda:1, for no single card has room for it"),
        (serving_mode(20), CARD, (loaded("a", 8),), "fits on cuda:0 once a is evicted, with at most"),
        (
            serving_mode(20),
            CARD,
            (loaded("a", 8, None),),
            "fits on cuda:0 once a is evicted, which has to wait for requests in flight, with",
        ),
        (
            serving_mode(40, layers=40),
            CARD,
            (),
            "fits in part on cuda:0, 24 of 40 layers (gpu-layers 24), and 16 on the CPU",
        ),
        (serving_mode(20, layers=1), machine(12), (), "fits on the CPU alone (gpu-layers 0), many times slower"),
        (serving_mode(30), CARD, (), "does not fit: cuda:0 is 6.0 GiB too small"),
    ],
)
def test_verdicts_are_sentences(
    each: ServingMode, host: Host, loaded: tuple[EvictionCandidate, ...], said: str
) -> None:
    """Where it fits and how, or what is too small."""
    assert explain(model(each), decided(each, host, *loaded), host).startswith(said)


def test_an_engine_without_a_place_says_why() -> None:
    """In its own words, if it has any."""
    alone = replace(serving_mode(1, backend="vllm", cards_only=True), why_not=single)
    assert "one card only" == explain(model(alone), None, CARDS)
    assert "vllm cannot serve it on this machine" == explain(model(alone), None, machine())


def test_what_is_not_here_is_told_apart() -> None:
    """A model on another server fits; one that nothing is known of does not."""
    there = report(PlanCandidate("m", remote=RemoteModel("openai:m", "it is elsewhere")), None, CARD)
    assert ("fits", "openai", {}) == (there["verdict"], there["backend"], there["pool_bytes"])
    unknown = report(PlanCandidate("m", trouble="nothing is known of it"), None, CARD)
    assert ("does_not_fit", "nothing is known of it") == (unknown["verdict"], unknown["why"])


def test_a_bound_is_called_one() -> None:
    """Whatever the verdict."""
    bounded = Footprint({"cuda:0": {Component.KV: Span(0, GIB, GIB)}}, bounded_only=True)
    each = replace(serving_mode(1), estimate=lambda *_: bounded)
    assert "this is an upper bound, not an estimate" in explain(model(each), decided(each), CARD)


@pytest.mark.parametrize(("size", "shown"), [(10, False), (23, True), (30, True)])
def test_levers_are_shown_where_there_is_need(size: int, shown: bool) -> None:
    """Not where there is plenty of room."""
    assert shown is bool(useful_levers(decided(levered(serving_mode(size))), CARD))


def test_levers_are_shown_for_what_runs_on_the_cpu_in_part() -> None:
    """They are those of the placement that would be faster."""
    assert [Lever("--slots 1", GIB)] == useful_levers(decided(levered(serving_mode(40, layers=40))), CARD)


def test_plain_data() -> None:
    """Spans by pool and expected bytes by component; the host's are those of main memory."""
    each = levered(serving_mode(40, layers=40))
    told = report(model(each), decided(each), CARD)
    assert {"low": 24 * GIB, "expected": 24 * GIB, "high": 24 * GIB} == told["pool_bytes"]["cuda:0"]
    assert (16 * GIB, 40 * GIB) == (told["host_bytes"], told["components"]["weights"])
    assert [{"change": "--slots 1", "saves_bytes": GIB}] == told["levers"]


def test_the_table_tells_what_is_left_or_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the cards; the set that is warm comes last, with a word where it is not proved."""
    good, bad = serving_mode(20), levered(serving_mode(30))
    fits = {"good": decided(good), "bad": decided(bad)}
    rows = [report(replace(model(fit.option.mode), name=name), fit, CARD) for name, fit in fits.items()]
    show(rows, JointPlan(fits, ("good",), proved=False))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "good fits cuda:0 20.0 GiB - - - - 20.0 GiB 4.0 GiB cuda:0 llamacpp" == lines[1]
    assert "bad does not fit cuda:0 30.0 GiB - - - - 30.0 GiB lacks 6.0 GiB cuda:0 llamacpp" == lines[2]
    assert "1.0 GiB --slots 1" in lines
    assert "warm together (the best found, not proved to be the best): good" == lines[-1]
