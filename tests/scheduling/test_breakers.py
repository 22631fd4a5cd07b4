"""What breakers of models do to requests: no waiting for what fails too often, and a way back without anybody's help."""

from dataclasses import replace

import pytest

from hostd.domain.profile import FallbackRule, Profile, Variant
from hostd.domain.reason import FallbackReason
from hostd.scheduling.circuit_breaker import FIRST_WAIT, LEAST_SAMPLES, BreakerState
from hostd.scheduling.effects import Refuse
from hostd.scheduling.model_decisions import BreakerClosed, BreakerOpened
from tests.scheduling.scenario import Rehearsal, profile

STATUS = FallbackReason.STATUS_5XX


def cloud(name: str, *fallback: str | FallbackRule, **more: float) -> Profile:
    """Return a cloud profile."""
    return replace(profile(name, *fallback, **more), variants=(Variant("cloud", provider="zai", model=name),))


def outage(stage: Rehearsal, model: str, now: float = 0.0, reason: FallbackReason = STATUS) -> list[str]:
    """Let as many requests for *model* fail as open its breaker; return what followed the last."""
    said: list[str] = []
    for number in range(LEAST_SAMPLES):
        if f"serve {now}/{number} by {model}" in stage.arrive(f"{now}/{number}", model, now):
            said = stage.fail(f"{now}/{number}", reason, now)
            while any(line == f"serve {now}/{number} by {model}" for line in said):  # tried once more
                said = stage.fail(f"{now}/{number}", reason, now)
        stage.finish(f"{now}/{number}", now)
    return said


@pytest.fixture
def stage() -> Rehearsal:
    """Two cloud models, one with a local fallback and one without; all are ready."""
    made = Rehearsal(cloud("a", "local"), cloud("alone"), profile("local", max_concurrent=8))
    made.warm("a", "alone", "local")
    return made


def retry_after(stage: Rehearsal) -> float | None:
    """Return what the client of the last refusal was told."""
    (effect,) = [effect for effect in stage.effects if isinstance(effect, Refuse)]
    assert (503, "breaker_open") == (effect.error.status, effect.error.code)
    return effect.error.retry_after


def test_requests_go_elsewhere_at_once(stage: Rehearsal) -> None:
    """While it is open, with the reason in the route; one is let through after its wait, and closes it by its answer."""
    outage(stage, "a")
    assert BreakerState.OPEN is stage.scheduler.models["a"].breaker.state
    assert ["serve 1 by local for breaker_open"] == stage.arrive("1", "a", 1.0)
    stage.pass_time(FIRST_WAIT)
    assert ["serve 2 by a"] == stage.arrive("2", "a")
    assert ["serve 3 by local for breaker_open"] == stage.arrive("3", "a")
    stage.finish("2")
    assert ["BreakerClosed"] == [type(each).__name__ for each in stage.explained()]
    assert ["serve 4 by a"] == stage.arrive("4", "a")


def test_a_single_primary_refuses_with_the_time(stage: Rehearsal) -> None:
    """No request waits for it: each is told when it will be tried again, and finds it so."""
    outage(stage, "alone")
    stage.arrive("1", "alone", 0.5)
    assert FIRST_WAIT - 0.5 == retry_after(stage)
    stage.pass_time(FIRST_WAIT)
    assert ["serve 2 by alone"] == stage.arrive("2", "alone")
    # Behind the probe it waits, as there is nothing better to do, and is told what the probe finds.
    assert [] == stage.arrive("3", "alone")
    assert ["refuse 2: status_5xx", "refuse 3: breaker_open"] == stage.fail("2", STATUS)
    stage.pass_time(3 * FIRST_WAIT)
    assert ["serve 4 by alone"] == stage.arrive("4", "alone")
    assert [] == stage.arrive("5", "alone")
    assert ["serve 5 by alone"] == stage.finish("4")


def test_a_failure_that_exhausts_the_chain_is_not_to_be_retried(stage: Rehearsal) -> None:
    """Clients would send it again by themselves; what was only not served now may be sent again after its time."""
    stage.arrive("1", "alone", 0.0)
    assert ["serve 1 by alone"] == stage.fail("1", STATUS)
    stage.fail("1", STATUS)
    assert stage.last(Refuse).error.retry_in_vain
    outage(stage, "alone", 1.0)
    stage.arrive("2", "alone")
    assert not stage.last(Refuse).error.retry_in_vain


def test_a_silent_target_is_tried_once(stage: Rehearsal) -> None:
    """What has kept a request waiting for a whole limit would do so again."""
    stage.arrive("1", "alone", 0.0)
    assert ["refuse 1: first_token_timeout"] == stage.fail("1", FallbackReason.FIRST_TOKEN_TIMEOUT)


def test_a_server_that_is_gone_is_not_waited_for(stage: Rehearsal) -> None:
    """Its health page does not answer: its requests go elsewhere, until it is found to be back."""
    stage.broke("a", 1.0)
    assert ["serve 1 by local for breaker_open"] == stage.arrive("1", "a", 1.1)
    stage.broke("alone", 1.1)
    stage.arrive("2", "alone")
    assert FIRST_WAIT == retry_after(stage)
    stage.pass_time(1.7)
    stage.ready("a")
    assert ["serve 3 by a"] == stage.arrive("3", "a")
    # One that is not back yet when its time is over is waited for where there is no other.
    stage.pass_time(5.0)
    assert [] == stage.arrive("4", "alone")
    assert ["serve 4 by alone"] == stage.ready("alone")


def test_a_crash_is_none_of_its_business() -> None:
    """An engine that hostd launches has its restarts; a new one begins with nothing counted."""
    stage = Rehearsal(profile("a"))
    stage.warm("a")
    stage.broke("a", 1.0)
    assert BreakerState.CLOSED is stage.scheduler.models["a"].breaker.state
    assert [] == stage.arrive("1", "a")


def test_it_is_explained(stage: Rehearsal) -> None:
    """With the numbers that led to it."""
    stage.scheduler.models["a"].breaker.answered("before", 0.0)
    outage(stage, "a")
    stage.arrive("0", "a", 0.0)
    opened: list[object] = []
    other = Rehearsal(cloud("a"))
    other.warm("a")
    for number in range(LEAST_SAMPLES):
        other.arrive(str(number), "a", 0.0)
        other.fail(str(number), FallbackReason.FIRST_TOKEN_TIMEOUT)
        opened += [each for each in other.explained() if isinstance(each, BreakerOpened)]
    expected = BreakerOpened(
        "a", FallbackReason.FIRST_TOKEN_TIMEOUT, "it said so", LEAST_SAMPLES, LEAST_SAMPLES, FIRST_WAIT
    )
    assert [expected] == opened
    other.broke("a", 1.0)
    other.pass_time(1.6)
    other.ready("a")
    assert BreakerClosed("a", 2) in other.explained()
