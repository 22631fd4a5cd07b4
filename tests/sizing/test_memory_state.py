"""A daemon's account of its memory, there and back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.planning.warm_set.fit import Verdict
from hostd.planning.warm_set.joint_plan import plan_models
from hostd.planning.warm_set.value import WarmCandidate
from hostd.scheduling.events import LoadRequested
from hostd.scheduling.model_decisions import Evicted
from hostd.sizing.memory_state import MemoryState, digest, parse_memory_state, planning_inputs
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import profile

POOL = Pool(CARD, PoolKind.VRAM, "a card", 24 * GIB, 10 * GIB, 22 * GIB, facts=(("nvlink", "cuda:1"),))
HOST = Host("Linux", "a processor", 64 * GIB, (POOL,), ("the fan is loud",), unmeasured=("a card",))


def answer(machine: Machine) -> dict[str, Any]:
    """Return what a daemon would answer to GET /hostd/v1/plan, as it comes over HTTP."""
    view = machine.scheduler.memory(machine.now)
    told = {
        "pools": [{"id": pool.id, "room_bytes": pool.free} for pool in view.pools],
        "held": view.held,
        "warm_set": [{"model": each.model} for each in view.warm_set],
    }
    profiles = {name: model.profile for name, model in machine.scheduler.models.items()}
    found: dict[str, Any] = json.loads(json.dumps(told | planning_inputs(view, HOST, profiles)))
    return found


def state(machine: Machine) -> MemoryState:
    """Return what a client reads of it."""
    return parse_memory_state(answer(machine))


def test_what_the_scheduler_decides_with_is_read_as_it_was_written() -> None:
    """Free memory, who holds the rest, who may be evicted at which cost, the options of all, and the host."""
    machine = Machine({CARD: 24}, a=(fits(10),), b=(fits(6),), c=(fits(12, 0), fits(4, 1)))
    machine.open(profile("a", preload=True), profile("b", pinned=True), profile("c"))
    machine.warm("a", "b")
    found, ledger = state(machine), machine.scheduler.engines.ledger
    assert (HOST, ("a",), ledger.free()) == (found.host, found.warm, found.free)
    assert {"a": {CARD: 10 * GIB}, "b": {CARD: 6 * GIB}} == found.held
    assert [("a", {CARD: 10 * GIB}, 0.0)] == [(each.name, each.bytes, each.evictable_at) for each in found.candidates]
    assert found.candidates[0].cost == machine.scheduler.engines.admission.candidates.cost(
        machine.scheduler.models["a"], machine.now
    )
    assert (fits(12, 0), fits(4, 1)) == found.options["c"]
    assert (fits(10),) == found.options["a"]


def test_memory_that_is_being_released_is_free_and_a_model_in_use_is_not_idle() -> None:
    """As the scheduler counts it for the next load."""
    machine = Machine({CARD: 24}, a=(fits(10),), b=(fits(6),))
    machine.open(profile("a"), profile("b"))
    machine.warm("a", "b")
    machine.arrive("1", "b", now=1.0)
    machine.scheduler.engines.ledger.stopping("a")
    found = state(machine)
    assert {CARD: 18 * GIB} == found.free
    assert [("b", None)] == [(each.name, each.evictable_at) for each in found.candidates]


@settings(deadline=None, max_examples=40)
@given(
    loaded=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 60), st.integers(0, 100)), min_size=1, max_size=6),
    wanted=st.lists(st.integers(1, 24), min_size=1, max_size=3),
)
def test_a_plan_announces_the_eviction_that_the_scheduler_makes(
    loaded: list[tuple[int, int, int]], wanted: list[int]
) -> None:
    """For any loaded models of any reload times and priorities, over HTTP and back: the same option, the same models evicted."""
    while sum(gib for gib, _, _ in loaded) > 24:
        loaded.pop()
    names = [f"m{at}" for at in range(len(loaded))]
    options = {name: (fits(gib, seconds=seconds),) for name, (gib, seconds, _) in zip(names, loaded, strict=True)}
    choices = tuple(fits(gib, variant) for variant, gib in enumerate(sorted(wanted, reverse=True)))
    machine = Machine({CARD: 24}, **options, new=choices)
    priorities = [profile(name, priority=each[2]) for name, each in zip(names, loaded, strict=True)]
    machine.open(*priorities, profile("new"))
    machine.warm(*names)
    told = state(machine)
    asked = WarmCandidate("new", told.options["new"])
    fit = plan_models((), (asked,), told.free, told.candidates, told.held).fits["new"]
    assert fit
    machine.told.clear()
    machine.tell(LoadRequested("new", "asked"))
    for name in machine.stops:
        machine.gone(name)
    assert sorted(fit.evict) == sorted(each.model for each in machine.said(Evicted))
    assert (fit.verdict is not Verdict.DOES_NOT_FIT) is ("new" in machine.starts)
    if "new" in machine.starts:
        assert fit.option.needs == machine.held["new"]


def test_a_daemon_that_has_measured_nothing_yet_has_what_its_host_has() -> None:
    """Of the budget what is free: a plan during the boot is no promise of unlimited memory."""
    machine = Machine({CARD: 24})
    machine.open(profile("a"))
    assert {CARD: 10 * GIB, "ram": 64 * GIB} == parse_memory_state(answer(machine) | {"pools": []}).free


@pytest.mark.parametrize("missing", ["pools", "host", "evictable", "options", "profiles"])
def test_an_answer_of_another_program_is_an_error(missing: str) -> None:
    """Whatever is missing."""
    machine = Machine({CARD: 24})
    machine.open(profile("a"))
    told = answer(machine)
    del told[missing]
    with pytest.raises(KeyError):
        parse_memory_state(told)


def test_the_digest_of_a_profile_changes_with_it() -> None:
    """A daemon that has read another context plans for another."""
    one: Profile = profile("a", context=4096)
    assert digest(one) == digest(profile("a", context=4096))
    assert digest(one) != digest(replace(one, context=8192))
