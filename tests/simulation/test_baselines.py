"""``hostd.simulation.baselines``."""

import pytest

from hostd.scheduling.events import EngineReady, EngineStopped, Finished, Ticked
from hostd.simulation.baseline_router import BaselineRouter
from hostd.simulation.baselines import BASELINES, KEEP_ALIVE, baseline, best_groups, safe_count
from tests.simulation.example_hosts import host_of, model_of, usual
from tests.simulation.test_baseline_router import ask, line


def load(router: BaselineRouter, *models: str) -> None:
    """Have models loaded one after another, each answer a second long."""
    for number, model in enumerate(models):
        now = 10.0 * number
        if line(router.handle(ask(f"{model}{number}", model), now)) == [f"start {model}"]:
            router.handle(EngineReady(model, 2, 1.0), now + 1)
        router.handle(Finished(f"{model}{number}", 1.0), now + 2)


def test_the_safe_count_holds_for_any_models() -> None:
    """Two large ones do not fit, so one is safe; where any three fit, three are."""
    assert 1 == safe_count(usual())
    assert 3 == safe_count(host_of(*(model_of(name, 7.0) for name in "abcd")))
    assert 4 == safe_count(host_of(*(model_of(name, 5.0) for name in "abcd")))


def test_the_best_groups_leave_the_small_ones_loaded() -> None:
    """As many groups as fit together; of so many, the most even ones."""
    assert [["coder", "planner", "writer", "reviewer"], ["fast"], ["vectors"]] == best_groups(usual())
    assert [["a", "b"], ["c", "d"]] == best_groups(host_of(*(model_of(name, 10.0) for name in "abcd")))


def test_lru_evicts_who_was_idle_longest() -> None:
    """Once the count is reached, whatever the memory; the name does not matter."""
    router = baseline("lru-count", host_of(*(model_of(name, 7.0) for name in "abcd")))
    load(router, "c", "a", "b", "c")
    assert ["stop a"] == line(router.handle(ask("x", "d"), 100.0))
    assert ["start d"] == line(router.handle(EngineStopped("a"), 101.0))


def test_lru_by_memory_evicts_as_many_as_the_load_takes() -> None:
    """The least recently used first, none more than needed, and none in vain while a busy one is in the way."""
    router = baseline("lru-memory", host_of(*(model_of(name, 7.0) for name in "abc"), model_of("d", 13.0)))
    load(router, "c", "a", "b", "c")
    router.handle(ask("busy", "b"), 90.0)
    assert ["stop a", "stop c"] == line(router.handle(ask("x", "d"), 100.0))
    assert [] == line(router.handle(EngineStopped("a"), 101.0))
    assert ["start d"] == line(router.handle(EngineStopped("c"), 102.0))
    router = baseline("lru-memory", host_of(model_of("a", 7.0), model_of("b", 12.0), model_of("d", 13.0)))
    load(router, "a", "b")
    router.handle(ask("busy", "b"), 90.0)
    assert [] == line(router.handle(ask("x", "d"), 100.0))


def test_shortest_keepalive_evicts_the_first_name() -> None:
    """All have the same keep-alive, so the name decides, even where another one would have been the wiser choice."""
    router = baseline("shortest-keepalive", host_of(model_of("a", 2.0), model_of("b", 12.0), model_of("c", 12.0)))
    load(router, "b", "a")
    assert ["stop a"] == line(router.handle(ask("x", "c"), 100.0))
    assert ["stop b"] == line(router.handle(EngineStopped("a"), 101.0))
    assert ["start c"] == line(router.handle(EngineStopped("b"), 102.0))


def test_shortest_keepalive_blocks_at_the_head() -> None:
    """A load that waits for a busy engine holds up one that would fit; a loaded model is served all the same."""
    router = baseline("shortest-keepalive", host_of(model_of("a", 12.0), model_of("b", 12.0), model_of("c", 1.0)))
    load(router, "a")
    router.handle(ask("busy", "a"), 50.0)
    assert [] == line(router.handle(ask("x", "b"), 51.0))
    assert [] == line(router.handle(ask("y", "c"), 52.0))
    assert ["serve z by a"] == line(router.handle(ask("z", "a"), 53.0))
    router.handle(Finished("z", 1.0), 54.0)
    assert ["stop a"] == line(router.handle(Finished("busy", 1.0), 55.0))
    assert ["start b", "start c"] == line(router.handle(EngineStopped("a"), 56.0))


def test_shortest_keepalive_stops_who_is_idle_for_long() -> None:
    """After five minutes without a request, counted from the last one."""
    router = baseline("shortest-keepalive", host_of(model_of("a", 1.0)))
    load(router, "a", "a")
    assert [] == line(router.handle(Ticked(), 2.0 + KEEP_ALIVE))
    assert ["stop a"] == line(router.handle(Ticked(), 12.0 + KEEP_ALIVE))


def test_groups_do_not_disturb_each_other() -> None:
    """A model is swapped for one of its own group only."""
    router = baseline("static-groups", host_of(*(model_of(name, 10.0) for name in "abcd")))
    load(router, "a", "c")
    assert ["stop c"] == line(router.handle(ask("x", "d"), 100.0))
    assert ["stop a"] == line(router.handle(ask("y", "b"), 101.0))


@pytest.mark.parametrize("name", BASELINES)
def test_each_has_a_line_of_its_own(name: str) -> None:
    """Every name on the command line is a baseline."""
    assert "<BaselineRouter a: cold>" == repr(baseline(name, host_of(model_of("a", 1.0))))
