"""What a failed request does to its target, beside its own move to the next one."""

from hostd.domain.reason import FallbackReason
from hostd.scheduling.breakers import REPLACED_AFTER
from hostd.scheduling.circuit_breaker import LEAST_SAMPLES, BreakerState
from hostd.scheduling.events import ClientLeft, EngineStopped
from tests.scheduling.scenario import Rehearsal, profile
from tests.scheduling.test_breakers import cloud, outage

STATUS = FallbackReason.STATUS_5XX


def test_an_engine_that_answers_no_probe_is_replaced() -> None:
    """However healthy it says it is: it is stopped and launched anew, and the new one takes all requests."""
    stage = Rehearsal(profile("a"))
    stage.warm("a")
    outage(stage, "a")
    asked: list[str] = []
    for number in range(REPLACED_AFTER):
        assert [] == asked
        stage.pass_time(stage.now + 30.0)
        assert [f"serve {number} by a"] == stage.arrive(f"{number}", "a")
        asked = [line for line in stage.fail(f"{number}", STATUS) if not line.startswith("refuse")]
    assert ["stop a"] == asked
    assert ["start a"] == stage.tell(EngineStopped("a"))


def test_a_stream_that_breaks_off_counts() -> None:
    """A client that leaves says nothing about the target."""
    stage = Rehearsal(cloud("a"))
    stage.warm("a")
    for number in range(LEAST_SAMPLES):
        stage.arrive(f"left {number}", "a", 0.0)
        stage.tell(ClientLeft(f"left {number}"))
    assert (0, 0) == stage.scheduler.models["a"].breaker.counts(0.0)
    for number in range(LEAST_SAMPLES):
        stage.arrive(f"broken {number}", "a", 0.0)
        stage.tell(ClientLeft(f"broken {number}", broke_off=True))
    assert BreakerState.OPEN is stage.scheduler.models["a"].breaker.state
