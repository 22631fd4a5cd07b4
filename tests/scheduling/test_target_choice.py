"""Which target is open to a request, and for which reasons."""

from hostd.domain.reason import FallbackReason
from tests.scheduling.scenario import Rehearsal, only, profile
from tests.scheduling.test_breakers import cloud, outage

STATUS = FallbackReason.STATUS_5XX


def test_a_rule_for_what_happens_holds_when_it_happens_too_often() -> None:
    """An owner who lets errors of the server move has not to think of the breaker; one who lets crashes move only is obeyed."""
    for reason, expected in (
        (STATUS, "serve 1 by local for breaker_open"),
        (FallbackReason.CRASHED, "refuse 1: breaker_open"),
    ):
        stage = Rehearsal(cloud("a", only("local", reason)), profile("local"))
        stage.warm("a", "local")
        outage(stage, "a")
        assert [expected] == stage.arrive("1", "a", 1.0)


def test_a_broken_chain_is_skipped() -> None:
    """A fallback whose breaker is open is no target."""
    chain = Rehearsal(profile("a", "b", "c", max_queue=0, max_concurrent=1), cloud("b"), profile("c"))
    chain.warm("a", "b", "c")
    outage(chain, "b")
    chain.arrive("1", "a", 1.0)
    assert ["serve 2 by c for status_429"] == chain.arrive("2", "a")


def test_a_refusal_by_policy_moves_only_where_a_rule_says_so() -> None:
    """Any other model might answer what the provider forbids; that is its owner's decision."""
    for rule, expected in (
        ("local", "refuse 1: content_filter"),
        (only("local", FallbackReason.CONTENT_POLICY), "serve 1 by local"),
    ):
        stage = Rehearsal(cloud("a", rule), profile("local"))
        stage.warm("a", "local")
        stage.arrive("1", "a")
        (line,) = stage.fail("1", FallbackReason.CONTENT_POLICY)
        assert line.startswith(expected)
        assert (0, 0) == stage.scheduler.models["a"].breaker.counts(0.0)


def test_every_reason_is_taken_by_the_rule_that_names_it() -> None:
    """And by no rule that names another one."""
    for reason in set(FallbackReason) - {FallbackReason.CONTEXT_TOO_LONG}:
        stage = Rehearsal(
            profile("a", only("b", reason), only("c", *set(FallbackReason) - {reason})), profile("b"), profile("c")
        )
        stage.warm("a", "b", "c")
        stage.arrive("1", "a")
        assert [f"serve 1 by b for {reason}"] == stage.fail("1", reason)
